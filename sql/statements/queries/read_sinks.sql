-- Where messages go, or should: also a sink that nobody has delivered to yet.
select
    sink,
    coalesce(outbox.waiting, 0) as waiting,
    outbox.oldest_at,
    coalesce(outbox.parked, 0) as parked,
    coalesce(there.delivered, 0) as delivered,
    there.delivered_at,
    there.failing_since,
    there.error,
    there.expires_at > clock_timestamp() as held
from effect_sink as there
full join (
    select
        sink,
        count(*) filter (where state = 'waiting') as waiting,
        min(created_at) filter (where state = 'waiting') as oldest_at,
        count(*) filter (where state = 'parked') as parked
    from effect_outbox
    where state in ('waiting', 'parked')
    group by sink
) as outbox using (sink)
order by sink
