-- What is stored of a member, said in events: folded, they give the stored rows again, and later events go on from
-- there. They stand at or before the member's frontier, in an order of their own, by negative positions.
create or replace view members_snapshot as
select member.user_id, said.timestamp, said.id, said.action, said.target, null::varchar collate "C" as granted_by
from temple_member_status as member
left join projection_frontier as frontier
    on frontier.projection = 'members'
   and frontier.version = members_rules_version()
   and frontier.user_id = member.user_id
cross join lateral (
    values
        (member.discord_joined_at, -5::bigint, 'joined'::varchar collate "C", null::varchar collate "C"),
        (member.last_activity, -3, 'changed', member.patreon_tier),
        (case when member.status = 'departed' then member.last_activity end, -2, 'left', null),
        (case when member.status = 'inactive' then frontier.occurred_at end, -1, 'marked', null)
) as said (timestamp, id, action, target)
where said.timestamp is not null
union all
select user_id, granted_at, -4, 'added', role, granted_by
from discord_user_current_roles;

grant select on members_snapshot to temple_append, temple_project, temple_read;
