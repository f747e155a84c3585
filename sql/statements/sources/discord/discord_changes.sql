select key, user_id, direction, role_id, at, received_at
from discord_change
where user_id = any(%(user_ids)s::text[])
