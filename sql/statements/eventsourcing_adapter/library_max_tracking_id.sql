select position
from projection_checkpoint
where projection = %(tracking)s
  and active
