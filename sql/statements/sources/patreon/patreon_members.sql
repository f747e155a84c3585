select
    member_id, patreon_id, changed_at, campaign_id, status, tiers, entitled_cents, will_pay_cents, lifetime_cents,
    charge_status, charged_at, next_charge_at, pledged_at, deleted, coalesce(newest_charge_at, charged_at),
    coalesce(newest_pledge_at, pledged_at), tier_deleted, doubt, doubted_at, look_again_at, doubted_delivery
from patreon_member
where member_id = any(%(member_ids)s)
