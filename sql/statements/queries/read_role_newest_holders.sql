-- The newest holders of a role, and how many there are.
select user_id, granted_at, granted_by, count(*) over ()
from discord_user_current_roles
where role = %(role)s
order by granted_at desc, user_id
limit %(limit)s
