select role_id, name, deleted_at
from discord_role
