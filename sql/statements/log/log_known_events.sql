-- The events that a fold knows, with a column for each field of Recorded. Payloads only where they are looked at, or say
-- in which version they are: turning them into text is a fifth of the work. The order, where there is one, is that of the
-- index on (user_id, timestamp), and names the columns of the log: `timestamp` alone would be occurred_at, which no index
-- has. Events of one moment come in any order, because sorting by id as well made the database copy every row once more:
-- a third of its time.
select
    id,
    occurred_at as timestamp,
    event_type,
    user_id,
    action,
    target,
    case when {reads_metadata} or metadata ? 'event_version' then metadata::text end as metadata,
    source,
    null::uuid as event_id,
    null::timestamptz as recorded_at
from log_row as log
where {bounds}
{order}
