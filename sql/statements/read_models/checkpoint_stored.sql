select version, position, epoch, passed, counted, state, reason
from projection_checkpoint
where projection = %(projection)s
