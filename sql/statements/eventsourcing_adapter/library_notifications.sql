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
    event_id,
    retracted
from (
    select
        *,
        id <= coalesce(
            (
                select last_position from retracted_range where first_position <= log.id
                order by first_position desc limit 1
            ),
            0
        ) as retracted
    from log_row as log
) as log
where id > %(after)s
  and id <= %(upto)s
  and (%(topics)s::text[] is null or not retracted and event_type || '/' || action = any(%(topics)s::text[]))
order by id
limit %(limit)s
