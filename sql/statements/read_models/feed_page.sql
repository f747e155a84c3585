select position, operation, user_id, before::text, after::text
from feed_change
where projection = %(projection)s
  and version = %(version)s
  and (position, operation, user_id) > (%(position)s, %(operation)s, %(user_id)s)
order by position, operation, user_id
limit %(limit)s
