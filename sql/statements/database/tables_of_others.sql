-- Of these tables, by their declared names, those that another projection has, each with one of its versions.
select name, min(checkpoint.projection), max(checkpoint.version)
from projection_checkpoint as checkpoint
cross join unnest(checkpoint.tables) as name
where checkpoint.projection <> %(projection)s
  and name = any (%(tables)s)
group by name
order by name
