select role, count(*)
from discord_user_current_roles
group by role
order by count(*) desc, role
