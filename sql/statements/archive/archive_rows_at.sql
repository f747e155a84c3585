-- The events at these positions, as an archive has them.
select
    id,
    uuid_send(event_id) as event_id,
    occurred_at as timestamp,
    event_type,
    user_id,
    action,
    target,
    metadata::text as metadata,
    source,
    recorded_at,
    case when occurred_at is null then timestamp::text end as timestamp_text
from log_row
where id = any(%(positions)s)
order by id
