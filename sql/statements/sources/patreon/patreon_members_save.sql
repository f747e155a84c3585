insert into patreon_member (
    member_id, patreon_id, campaign_id, status, tiers, entitled_cents, will_pay_cents, lifetime_cents, charge_status,
    charged_at, next_charge_at, pledged_at, deleted, standing, tier_id, changed_at, doubt, doubted_at, look_again_at,
    doubted_delivery, newest_charge_at, newest_pledge_at, tier_deleted
)
select
    member_id, patreon_id, campaign_id, status, tiers, entitled_cents, will_pay_cents, lifetime_cents, charge_status,
    charged_at, next_charge_at, pledged_at, deleted, standing, tier_id, changed_at, doubt, doubted_at, look_again_at,
    doubted_delivery, newest_charge_at, newest_pledge_at, tier_deleted
from jsonb_populate_recordset(null::patreon_member, %(rows)s::jsonb)
on conflict (member_id) do update
set patreon_id = excluded.patreon_id,
    campaign_id = excluded.campaign_id,
    status = excluded.status,
    tiers = excluded.tiers,
    entitled_cents = excluded.entitled_cents,
    will_pay_cents = excluded.will_pay_cents,
    lifetime_cents = excluded.lifetime_cents,
    charge_status = excluded.charge_status,
    charged_at = excluded.charged_at,
    next_charge_at = excluded.next_charge_at,
    pledged_at = excluded.pledged_at,
    deleted = excluded.deleted,
    standing = excluded.standing,
    tier_id = excluded.tier_id,
    changed_at = excluded.changed_at,
    doubt = excluded.doubt,
    doubted_at = excluded.doubted_at,
    look_again_at = excluded.look_again_at,
    doubted_delivery = excluded.doubted_delivery,
    newest_charge_at = excluded.newest_charge_at,
    newest_pledge_at = excluded.newest_pledge_at,
    tier_deleted = excluded.tier_deleted
