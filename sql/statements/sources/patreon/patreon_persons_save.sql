insert into patreon_person
select user_id, standing, tier_id, tier, transition_id, told_at
from jsonb_populate_recordset(null::patreon_person, %(rows)s::jsonb)
on conflict (user_id) do update
set standing = excluded.standing,
    tier_id = excluded.tier_id,
    tier = excluded.tier,
    transition_id = excluded.transition_id,
    told_at = excluded.told_at
