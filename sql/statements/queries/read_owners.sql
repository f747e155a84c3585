-- The imports that added some of these positions.
select distinct part.import
from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as chosen (first_position, last_position)
join log_import_range as part
  on part.first_position <= chosen.last_position and part.last_position >= chosen.first_position
order by part.import
