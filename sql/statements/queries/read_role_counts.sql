select role, count(*)
from discord_user_current_roles
group by role
