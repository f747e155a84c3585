-- Who granted the role to those who hold it now, the most first.
select granted_by, count(*)
from discord_user_current_roles
where role = %(role)s
group by granted_by
order by count(*) desc, granted_by
limit 10
