-- What was read of everybody else: nothing follows from it, but it shows later on which body is an old one.
update patreon_member as known
set status = read.status,
    tiers = read.tiers,
    entitled_cents = read.entitled_cents,
    will_pay_cents = read.will_pay_cents,
    lifetime_cents = read.lifetime_cents,
    charge_status = read.charge_status,
    charged_at = read.charged_at,
    newest_charge_at = greatest(known.newest_charge_at, known.charged_at, read.charged_at),
    next_charge_at = read.next_charge_at,
    pledged_at = read.pledged_at,
    newest_pledge_at = greatest(known.newest_pledge_at, known.pledged_at, read.pledged_at),
    tier_deleted = false,
    deleted = false,
    changed_at = read.asked_at,
    doubt = null,
    doubted_at = null,
    look_again_at = null,
    doubted_delivery = null
from patreon_read as read
where read.member_id = known.member_id
  and known.changed_at <= read.asked_at
  and coalesce(known.doubted_at, read.asked_at) <= read.asked_at
  and known.standing = read.standing
  and known.tier_id is not distinct from read.tier_id
  and (
      known.deleted
      or known.doubt is not null
      or (known.status, known.tiers, known.entitled_cents, known.will_pay_cents, known.lifetime_cents)
          is distinct from (read.status, read.tiers, read.entitled_cents, read.will_pay_cents, read.lifetime_cents)
      or (known.charge_status, known.charged_at, known.next_charge_at, known.pledged_at)
          is distinct from (read.charge_status, read.charged_at, read.next_charge_at, read.pledged_at)
      or known.tier_deleted
  )
