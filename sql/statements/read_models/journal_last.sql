select coalesce(max(last_position), 0)
from projection_batch
where projection = %(projection)s
  and version = %(version)s
