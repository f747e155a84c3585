select refreshed_at, refresh_at, expires_at, refused_at
from patreon_token_state
order by name
limit 1
