select version, position, active, state, tables
from projection_checkpoint
where projection = %(projection)s
order by version
