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
    event_id
from log_row
where user_id = %(user_id)s
  and (%(after)s::bigint is null or id > %(after)s)
  and (%(upto)s::bigint is null or id <= %(upto)s)
order by case when %(desc)s then -id else id end
limit %(limit)s
