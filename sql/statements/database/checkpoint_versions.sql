-- The versions of a projection that are there, and which one has the declared names of its tables.
select version, active
from projection_checkpoint
where projection = %(projection)s
order by version
