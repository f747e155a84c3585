select projection, version, position, epoch, passed, counted, state, reason
from projection_checkpoint
-- other names are those under which projections of the eventsourcing library keep their tracking
where projection not like '%%:%%'
order by projection
