insert into patreon_link
select patreon_id, discord_id, said_at
from jsonb_populate_recordset(null::patreon_link, %(rows)s::jsonb)
on conflict (patreon_id) do update
set discord_id = excluded.discord_id,
    said_at = excluded.said_at
