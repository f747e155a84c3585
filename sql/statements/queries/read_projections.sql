-- The lag is counted as far as that is cheap; beyond, it is how many positions there are, of which some are unused.
select
    checkpoint.projection,
    checkpoint.version,
    checkpoint.active,
    reached.position,
    checkpoint.passed + coalesce(lanes.passed, 0),
    checkpoint.counted,
    checkpoint.state,
    checkpoint.reason,
    checkpoint.updated_at,
    case
        when lag.events <= %(counted_lag)s then lag.events
        else (select max(id) from webhook_audit_log) - reached.position
    end as lag_events,
    (
        select extract(epoch from clock_timestamp() - waiting.recorded_at)::double precision
        from webhook_audit_log as waiting
        where waiting.id > reached.position
        order by waiting.id
        limit 1
    ) as lag_seconds,
    (
        select count(*) from projection_failure as failure
        where (failure.projection, failure.version) = (checkpoint.projection, checkpoint.version)
    ) as parked,
    (select count(*) from skipped_position as skipped where skipped.projection = checkpoint.projection) as skipped,
    led.leader,
    checkpoint.reads,
    checkpoint.lanes_in_place,
    -- a standby does not show who is at work on its primary
    not pg_is_in_recovery()
        and not exists (
            select from pg_stat_activity
            where datname = current_database() and application_name = 'temple replay'
        ) as nobody_replays,
    case when checkpoint.split then 16 - led.lanes end as lanes_unled,
    coalesce(lanes.furthest > checkpoint.position, false) as lanes_apart
from projection_checkpoint as checkpoint
left join lateral (
    select sum(lane.passed)::bigint as passed, max(lane.position) as furthest
    from projection_lane as lane
    where (lane.projection, lane.version) = (checkpoint.projection, checkpoint.version)
) as lanes on checkpoint.split
cross join lateral (
    select string_agg(distinct lease.description, '; ') as leader, count(*) as lanes
    from projection_lease as lease
    where (lease.projection, lease.version) = (checkpoint.projection, checkpoint.version)
      and not lease_is_over(lease)
      -- a standby has no connection of a runner: there the time alone decides
      and (pg_is_in_recovery() or exists (select from pg_stat_activity where pid = lease.backend_pid))
) as led
cross join lateral (
    -- in trigger mode everything is folded
    select case checkpoint.state
        when 'trigger' then (select coalesce(max(id), 0) from webhook_audit_log)
        else checkpoint.position
    end as position
) as reached
cross join lateral (
    select count(*) as events
    from (
        select from webhook_audit_log
        where id > reached.position
        limit %(counted_lag)s + 1
    ) as waiting
) as lag
where position(':' in checkpoint.projection) = 0
order by checkpoint.projection, checkpoint.version
