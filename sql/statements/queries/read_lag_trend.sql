-- How long the last event of a step had been in the log when the step was committed: of the last step of each minute, of
-- those among the newest steps of a projection. The oldest first.
with step as (
    select last_position, committed_at
    from projection_batch
    where projection = %(projection)s
      and version = %(version)s
      and first_lane = -1
      and last_lane = -1
    order by last_position desc
    limit %(steps)s
), minute as (
    select distinct on (date_trunc('minute', committed_at))
        date_trunc('minute', committed_at) as began_at,
        last_position,
        committed_at
    from step
    order by date_trunc('minute', committed_at), last_position desc
)
select
    minute.began_at,
    greatest(0, extract(epoch from minute.committed_at - log.recorded_at))::double precision
from minute
cross join lateral (
    select recorded_at
    from webhook_audit_log
    where webhook_audit_log.id <= minute.last_position
    order by webhook_audit_log.id desc
    limit 1
) as log
order by minute.began_at desc
limit %(minutes)s
