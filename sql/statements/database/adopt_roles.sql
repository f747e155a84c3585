insert into public.discord_user_current_roles (user_id, role, granted_at, granted_by, last_verified)
select user_id, role, granted_at, granted_by, last_verified
from temple_adopting.discord_user_current_roles
