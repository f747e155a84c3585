-- What Patreon says of its webhooks now; those that it does not name any more are gone.
with given as (
    select * from jsonb_populate_recordset(null::patreon_webhook, %(rows)s::jsonb)
),
gone as (
    delete from patreon_webhook where webhook_id not in (select webhook_id from given)
)
insert into patreon_webhook
select webhook_id, uri, paused, failures, last_attempted_at, triggers, read_at
from given
on conflict (webhook_id) do update
set uri = excluded.uri,
    paused = excluded.paused,
    failures = excluded.failures,
    last_attempted_at = excluded.last_attempted_at,
    triggers = excluded.triggers,
    read_at = excluded.read_at
