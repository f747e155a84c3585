-- The rows in (after, upto], by position. A time that no Python datetime can hold comes as null, not as an error.
select
    id,
    occurred_at as timestamp,
    event_type,
    user_id,
    action,
    target,
    metadata::text,
    source
from log_row
where id > %(after)s and id <= %(upto)s
order by id
limit %(limit)s
