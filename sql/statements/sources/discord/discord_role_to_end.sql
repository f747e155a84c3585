select role_id, deleted_at
from discord_role
where deleted_at is not null
  and not ended
order by role_id
