-- Patrons without a Discord account hold no role.
select role, members
from role_headcount
order by members desc, role
