-- The events at these positions.
select
    id,
    occurred_at,
    event_type,
    user_id,
    action,
    target,
    metadata::text,
    source,
    event_id,
    recorded_at
from log_row
where id = any(%(positions)s::bigint[])
