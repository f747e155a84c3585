-- The rows in (after, upto], by position. A time that no Python datetime can hold comes as null, not as an error.
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
where id > %(after)s and id <= %(upto)s
order by id
limit %(limit)s
