update discord_attribution as known
set closed = true
from unnest(%(entry_ids)s::text[], %(directions)s::text[], %(role_ids)s::text[])
    as given (entry_id, direction, role_id)
where known.entry_id = given.entry_id
  and known.direction = given.direction
  and known.role_id = given.role_id
