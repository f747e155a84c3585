-- A range of the log as an archive has it.
select
    id,
    event_id,
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
where id > {after} and id <= {upto} and {members}
order by id
