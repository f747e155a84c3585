select user_id, present, joined_at, roles, last_event_at, seen_at, observed_at, repeated_join_at
from discord_member
where roles @> %(roles)s::text[]
order by length(user_id), user_id
limit %(limit)s
