select user_id, occurred_at, position
from projection_frontier
where projection = %(projection)s
  and version = %(version)s
order by user_id
