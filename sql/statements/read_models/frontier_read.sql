select user_id, occurred_at, position
from projection_frontier
where projection = %(projection)s
  and version = %(version)s
  and user_id = any(%(user_ids)b)
