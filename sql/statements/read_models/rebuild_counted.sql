select coalesce(sum(counted), 0)::bigint
from projection_rebuild_range
where projection = %(projection)s
  and version = %(version)s
