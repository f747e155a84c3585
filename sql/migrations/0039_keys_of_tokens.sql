-- Status compares the key of the settings with the one in use, and may not read the tokens. A digest of 32 random bytes
-- reveals nothing of them. Cost on a large table: none.
create or replace view patreon_token_state as
select name, refreshed_at, refresh_at, expires_at, refused_at, key_digest
from patreon_token;
