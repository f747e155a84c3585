-- What is stored of a member, said in events: folded, they give the stored rows again, and later events go on from
-- there. They stand before the member's frontier, in an order of their own, by negative positions.
create or replace view members_snapshot as
select user_id, discord_joined_at as timestamp, -5::bigint as id, 'joined'::varchar collate "C" as action,
       null::varchar collate "C" as target, null::varchar collate "C" as granted_by
from temple_member_status
where discord_joined_at is not null
union all
select user_id, granted_at, -4, 'added', role, granted_by
from discord_user_current_roles
union all
select user_id, last_activity, -3, 'changed', patreon_tier, null
from temple_member_status
where last_activity is not null
union all
select user_id, last_activity, -2, 'left', null, null
from temple_member_status
where status = 'departed'
union all
select member.user_id, frontier.occurred_at, -1, 'marked', null, null
from temple_member_status as member
join projection_frontier as frontier on frontier.projection = 'members' and frontier.user_id = member.user_id
where member.status = 'inactive';

grant select on members_snapshot to temple_append, temple_project, temple_read;
