select count(*)
from projection_frontier
where projection = %(projection)s
