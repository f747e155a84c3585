select projection, version, position, epoch, passed, counted, state, reason
from projection_checkpoint
order by projection
