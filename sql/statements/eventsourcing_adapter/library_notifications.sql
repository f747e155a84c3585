-- The rows in (after, upto], by position; with topics, those of these `event_type/action` alone.
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
    source,
    event_id
from webhook_audit_log
where id > %(after)s
  and id <= %(upto)s
  and (%(topics)s::text[] is null or event_type || '/' || action = any(%(topics)s::text[]))
order by id
limit %(limit)s
