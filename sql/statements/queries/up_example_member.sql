-- Somebody with much to see: on one screen rather than a census, so any index order will do.
select user_id
from temple_member_status
where user_id not like 'patreon:%%'
order by total_roles_count desc, user_id
limit 1
