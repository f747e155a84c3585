insert into patreon_tier
select tier_id, title, amount_cents, roles, seen_at
from jsonb_populate_recordset(null::patreon_tier, %(rows)s::jsonb)
order by tier_id
on conflict (tier_id) do update
set title = excluded.title,
    amount_cents = excluded.amount_cents,
    roles = excluded.roles,
    seen_at = excluded.seen_at
