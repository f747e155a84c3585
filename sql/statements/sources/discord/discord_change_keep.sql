insert into discord_change (key, user_id, direction, role_id, at, received_at)
select key, user_id, direction, role_id, at, received_at
from unnest(
    %(keys)s::text[],
    %(user_ids)s::text[],
    %(directions)s::text[],
    %(role_ids)s::text[],
    %(ats)s::timestamptz[],
    %(received_ats)s::timestamptz[]
) as given (key, user_id, direction, role_id, at, received_at)
on conflict (key) do nothing
