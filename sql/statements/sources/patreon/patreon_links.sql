select patreon_id, discord_id, said_at
from patreon_link
where patreon_id = any(%(patreon_ids)s)
