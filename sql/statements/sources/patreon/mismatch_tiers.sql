-- Every tier that somebody holds, or that Patreon described, by id where it is known, with the roles that Patreon says.
select tier.tier_id, tier.title, tier.roles, 0 as members
from patreon_tier as tier
where coalesce(tier.amount_cents, 1) > 0
union all
select null, status.patreon_tier, '{}', count(*)
from temple_member_status as status
where status.patreon_tier is not null
  and status.user_id not like 'patreon:%%'
group by status.patreon_tier
order by 1 nulls last, 2
