select patreon_tier, count(*)
from temple_member_status
where patreon_tier is not null
group by patreon_tier
order by count(*) desc, patreon_tier
