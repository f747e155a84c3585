select user_id, granted_at, granted_by
from discord_user_current_roles
where role = %(role)s
  and user_id > %(after)s
order by user_id
limit %(limit)s
