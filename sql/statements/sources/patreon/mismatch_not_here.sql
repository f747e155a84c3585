select count(*)
from temple_member_status
where patreon_tier is not null
  and user_id not like 'patreon:%%'
  and (status = 'departed' or (discord_joined_at is null and total_roles_count = 0))
