select role, members
from role_headcount
order by members desc, role
