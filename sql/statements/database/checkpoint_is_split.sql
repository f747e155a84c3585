select split
from projection_checkpoint
where projection = %(projection)s
  and version = %(version)s
