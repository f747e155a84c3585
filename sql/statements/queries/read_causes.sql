-- Of each position: the newest event of a type that the same member had in the day before. Through the index on
-- (user_id, timestamp).
select
    asked.position,
    cause.id,
    cause.occurred_at,
    cause.event_type,
    cause.user_id,
    cause.action,
    cause.target,
    cause.metadata::text,
    cause.source,
    cause.event_id,
    cause.recorded_at
from unnest(%(positions)s::bigint[], %(event_types)s::text[]) as asked (position, event_type)
join webhook_audit_log as effect on effect.id = asked.position
cross join lateral (
    select earlier.*
    from log_row as earlier
    where earlier.user_id = effect.user_id
      and earlier.timestamp <= effect.timestamp
      and earlier.timestamp > effect.timestamp - interval '1 day'
      and earlier.event_type = asked.event_type
    order by earlier.timestamp desc, earlier.id desc
    limit 1
) as cause
