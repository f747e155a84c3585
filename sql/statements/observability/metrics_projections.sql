-- By positions, not by counting: of them some may be unused, so what is left is at most this.
with head as (
    select coalesce(max(id), 0) as position from webhook_audit_log
)
select
    checkpoint.projection,
    head.position as head,
    reached.position,
    greatest(0, head.position - reached.position) as waiting,
    coalesce((
        select extract(epoch from clock_timestamp() - waiting.recorded_at)::double precision
        from webhook_audit_log as waiting
        where waiting.id > reached.position
        order by waiting.id
        limit 1
    ), 0) as lag_seconds,
    checkpoint.passed + coalesce((
        select sum(lane.passed)::bigint
        from projection_lane as lane
        where (lane.projection, lane.version) = (checkpoint.projection, checkpoint.version)
    ), 0) as passed,
    checkpoint.counted,
    checkpoint.version,
    checkpoint.active,
    checkpoint.state,
    led.lanes >= case when checkpoint.split then 16 else 1 end as led,
    parked.members,
    extract(epoch from parked.oldest)::double precision as oldest_parked
from projection_checkpoint as checkpoint
cross join head
cross join lateral (
    select count(*) filter (where not lease_is_over(lease)) as lanes
    from projection_lease as lease
    where (lease.projection, lease.version) = (checkpoint.projection, checkpoint.version)
) as led
cross join lateral (
    select case checkpoint.state when 'trigger' then head.position else checkpoint.position end as position
) as reached
cross join lateral (
    select count(distinct failure.user_id) as members, min(failure.parked_at) as oldest
    from projection_failure as failure
    where (failure.projection, failure.version) = (checkpoint.projection, checkpoint.version)
) as parked
where position(':' in checkpoint.projection) = 0
