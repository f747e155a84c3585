insert into discord_attribution as known
    (entry_id, user_id, direction, role_id, actor, reason, how, at, heard_at, session)
select entry_id, user_id, direction, role_id, actor, reason, how, at, heard_at, session
from json_to_recordset(%(attributions)s::json) as given (
    entry_id text,
    user_id text,
    direction text,
    role_id text,
    actor text,
    reason text,
    how text,
    at timestamptz,
    heard_at timestamptz,
    session text
)
on conflict (entry_id, direction, role_id) do update
set heard_at = coalesce(known.heard_at, excluded.heard_at),
    session = case when known.heard_at is null then excluded.session else known.session end
