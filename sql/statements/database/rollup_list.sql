select definition::text, coalesce(checkpoint.active, true)
from projection_rollup as rollup
left join projection_checkpoint as checkpoint using (projection, version)
where (%(projection)s::text is null or projection = %(projection)s)
  and (%(version)s::integer is null or version = %(version)s)
order by projection, version, rollup.name
