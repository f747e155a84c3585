-- Patrons without a Discord account are a figure of their own.
select
    case when user_id like 'patreon:%%' then 'patrons' else coalesce(status, 'unknown') end as status,
    count(*)
from temple_member_status
group by 1
