-- Known events by member and time: what a fold reads, ordered as the index on (user_id, timestamp) is.
select
    id,
    case
        when timestamp >= '0001-01-01 00:00:00+00' and timestamp < '10000-01-01 00:00:00+00' then timestamp
    end as timestamp,
    event_type,
    user_id,
    action,
    target,
    metadata::text,
    source
from webhook_audit_log
where {bounds}
order by user_id, timestamp, id
