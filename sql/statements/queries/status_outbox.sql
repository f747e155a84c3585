-- Messages of effects: how many wait and how many need somebody, as far as that is cheap to count; how old the first is.
select
    (select count(*) from (select from effect_outbox where state = 'waiting' limit %(most)s) as counted) as waiting,
    (
        select count(*) from (select from effect_outbox where state in ('failed', 'parked') limit %(most)s) as counted
    ) as failed,
    (
        select extract(epoch from clock_timestamp() - min(created_at))::double precision
        from (select created_at from effect_outbox where state = 'waiting' limit %(most)s) as counted
    ) as oldest_seconds,
    exists (select from effect_sink where expires_at > clock_timestamp()) as delivering,
    (select count(*) from effect) as effects
