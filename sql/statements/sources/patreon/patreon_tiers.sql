select tier_id, title, amount_cents, roles
from patreon_tier
where tier_id = any(%(tier_ids)s)
