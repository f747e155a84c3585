select role, name, deleted
from discord_role_directory
order by role
