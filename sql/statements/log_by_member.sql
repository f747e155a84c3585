-- One column for each field of Recorded. Known events by member and time: what a fold reads, ordered as the index on (user_id, timestamp) is. Payloads only where
-- they are looked at: turning them into text is a fifth of the work. The order names the table's column: by its bare name
-- it would be that of the expression above it, which no index has.
select
    id,
    case
        when timestamp >= '0001-01-01 00:00:00+00' and timestamp < '10000-01-01 00:00:00+00' then timestamp
    end as timestamp,
    event_type,
    user_id,
    action,
    target,
    case when {reads_metadata} then metadata::text end as metadata,
    source,
    null::uuid as event_id,
    null::timestamptz as recorded_at
from webhook_audit_log as log
where {bounds}
order by log.user_id, log.timestamp, log.id
