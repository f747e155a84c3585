-- One member's rows by position, as far as they are visible now.
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
where user_id = %(user_id)s
  and (%(after)s::bigint is null or id > %(after)s)
  and (%(upto)s::bigint is null or id <= %(upto)s)
order by case when %(desc)s then -id else id end
limit %(limit)s
