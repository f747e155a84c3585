select count(*)
from projection_frontier
where projection = %(projection)s
  and version = %(version)s
