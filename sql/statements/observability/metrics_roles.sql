-- Patrons without a Discord account hold no role.
select role, count(*) as members
from discord_user_current_roles
group by role
order by members desc, role
