insert into public.temple_member_status
    (user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status, last_sync)
select user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status, last_sync
from temple_adopting.temple_member_status
