select version, position, epoch, passed, counted, state, reason, parks_freely
from projection_checkpoint
where projection = %(projection)s
  and active
for update
