select definition::text
from projection_rollup
where (%(projection)s::text is null or projection = %(projection)s)
  and (%(version)s::integer is null or version = %(version)s)
order by projection, version, name
