update discord_attribution as known
set used_by = given.used_by
from unnest(%(entry_ids)s::text[], %(directions)s::text[], %(role_ids)s::text[], %(used_by)s::uuid[])
    as given (entry_id, direction, role_id, used_by)
where known.entry_id = given.entry_id
  and known.direction = given.direction
  and known.role_id = given.role_id
