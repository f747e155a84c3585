-- The rows in (after, upto], by position; with topics, those of these `event_type/action` alone.
select
    id,
    occurred_at as timestamp,
    event_type,
    user_id,
    action,
    target,
    metadata::text,
    source,
    event_id
from log_row
where id > %(after)s
  and id <= %(upto)s
  and (%(topics)s::text[] is null or event_type || '/' || action = any(%(topics)s::text[]))
order by id
limit %(limit)s
