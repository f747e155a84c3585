-- Every version of a projection, held: no step of one that is not split, no operation and no rebuild is in the middle of
-- anything.
select version, split
from projection_checkpoint
where projection = %(projection)s
order by version
for update
