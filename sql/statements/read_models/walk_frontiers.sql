select user_id, occurred_at, position
from projection_frontier
where projection = %(projection)s
order by user_id
