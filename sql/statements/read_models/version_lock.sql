-- Every version of a projection, held: no step, no operation and no rebuild is in the middle of anything.
select version, position, active, state, tables, split, position as furthest
from projection_checkpoint
where projection = %(projection)s
order by version
for update
