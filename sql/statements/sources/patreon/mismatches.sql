-- What people pay for beside what they hold; patrons who were never seen in the guild can hold nothing there.
with wanted as (
    select * from unnest(%(tier_ids)s::text[], %(titles)s::text[], %(roles)s::text[]) as wanted (tier_id, title, role)
),
member as (
    select
        status.user_id,
        status.patreon_tier,
        person.tier_id,
        status.status <> 'departed' and (status.discord_joined_at is not null or status.total_roles_count > 0) as here
    from temple_member_status as status
    left join patreon_person as person
        on person.user_id = status.user_id
        and person.tier = status.patreon_tier
    where status.user_id not like 'patreon:%%'
      and status.patreon_tier is not null
),
expected as (
    select distinct member.user_id, wanted.role
    from member
    join wanted on case
        when member.tier_id is not null and wanted.tier_id is not null then wanted.tier_id = member.tier_id
        else wanted.title = member.patreon_tier
    end
)
select
    'paid without role' as mismatch,
    member.user_id,
    member.patreon_tier as tier,
    expected.role,
    null::timestamptz as granted_at,
    null as granted_by
from expected
join member using (user_id)
where member.here
  and not exists (
      select from discord_user_current_roles as held
      where held.user_id = expected.user_id and held.role = expected.role
  )
union all
select
    'role without paid',
    held.user_id,
    member.patreon_tier,
    held.role,
    held.granted_at,
    held.granted_by
from discord_user_current_roles as held
left join member using (user_id)
where held.role in (select role from wanted)
  and not exists (
      select from expected where expected.user_id = held.user_id and expected.role = held.role
  )
order by 1, 4, 2
