-- Since when anybody held a role, as far as it is known. Through the index on (role, held_from).
select min(held_from)
from role_periods
where role = %(role)s
