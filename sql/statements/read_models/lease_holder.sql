select holder, description
from projection_lease
where projection = %(projection)s
  and version = %(version)s
