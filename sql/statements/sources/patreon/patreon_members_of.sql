-- Every membership of these members of the ledger, with the name that the ledger has for each. Looked up by key, from
-- the members given to their accounts to the memberships: with no join that the planner could turn around.
select
    given.user_id,
    member_id, patreon_id, changed_at, campaign_id, status, tiers, entitled_cents, will_pay_cents, lifetime_cents,
    charge_status, charged_at, next_charge_at, pledged_at, deleted, coalesce(newest_charge_at, charged_at),
    coalesce(newest_pledge_at, pledged_at), tier_deleted, doubt, doubted_at, look_again_at, doubted_delivery
from unnest(%(user_ids)s::text[]) as given (user_id)
cross join lateral (
    select link.patreon_id as of_account from patreon_link as link where link.discord_id = given.user_id
    union all
    select substr(given.user_id, 9) where given.user_id like 'patreon:%%'
    offset 0
) as account
left join lateral (
    select link.discord_id from patreon_link as link where link.patreon_id = account.of_account
    offset 0
) as link on true
cross join lateral (
    select * from patreon_member where patreon_member.patreon_id = account.of_account
    offset 0
) as member
where coalesce(link.discord_id, 'patreon:' || account.of_account) = given.user_id
