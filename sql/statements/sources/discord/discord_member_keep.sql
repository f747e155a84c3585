insert into discord_member (user_id, present, joined_at, roles, last_event_at, seen_at, observed_at, repeated_join_at)
select user_id, present, joined_at, roles, last_event_at, seen_at, observed_at, repeated_join_at
from json_to_recordset(%(members)s::json) as given (
    user_id text,
    present boolean,
    joined_at timestamptz,
    roles text[],
    last_event_at timestamptz,
    seen_at timestamptz,
    observed_at timestamptz,
    repeated_join_at timestamptz
)
on conflict (user_id) do update
set present = excluded.present,
    joined_at = excluded.joined_at,
    roles = excluded.roles,
    last_event_at = excluded.last_event_at,
    seen_at = excluded.seen_at,
    observed_at = excluded.observed_at,
    repeated_join_at = excluded.repeated_join_at
