-- Every membership of these members of the ledger, with the name that the ledger has for each.
select
    coalesce(link.discord_id, 'patreon:' || member.patreon_id) as user_id,
    member_id, patreon_id, changed_at, campaign_id, status, tiers, entitled_cents, will_pay_cents, lifetime_cents,
    charge_status, charged_at, next_charge_at, pledged_at, deleted, doubt, doubted_at, look_again_at, doubted_delivery
from patreon_member as member
left join patreon_link as link using (patreon_id)
where patreon_id in (
    select patreon_id from patreon_link where discord_id = any(%(user_ids)s::text[])
    union all
    select substr(given, 9) from unnest(%(user_ids)s::text[]) as given where given like 'patreon:%%'
)
  and coalesce(link.discord_id, 'patreon:' || member.patreon_id) = any(%(user_ids)s::text[])
