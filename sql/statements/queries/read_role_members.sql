select user_id, granted_at, granted_by
from discord_user_current_roles
where role = %(role)s
order by granted_at, user_id
