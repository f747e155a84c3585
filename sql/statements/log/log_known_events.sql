-- The events that a fold knows, with a column for each field of Recorded. Payloads only where they are looked at, or say
-- in which version they are: turning them into text is a fifth of the work. The order, where there is one, is that of the index on (user_id, timestamp), and
-- names the table's columns: `timestamp` alone would be the expression below, which no index has. Events of one moment
-- come in any order, because sorting by id as well made the database copy every row once more: a third of its time.
select
    id,
    case
        when timestamp >= '0001-01-01 00:00:00+00' and timestamp < '10000-01-01 00:00:00+00' then timestamp
    end as timestamp,
    event_type,
    user_id,
    action,
    target,
    case when {reads_metadata} or metadata ? 'event_version' then metadata::text end as metadata,
    source,
    null::uuid as event_id,
    null::timestamptz as recorded_at
from webhook_audit_log as log
where {bounds}
{order}
