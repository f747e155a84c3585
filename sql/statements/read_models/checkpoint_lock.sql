select version, position, epoch, passed, counted, state, reason, parks_freely, active, reads, split
from projection_checkpoint
where projection = %(projection)s
  and version = %(version)s
for update
