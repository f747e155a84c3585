-- Pairs that the newest key has not encrypted; whoever refreshes one is waited for.
select name, access_token, refresh_token, key_digest
from patreon_token
where key_digest is distinct from %(key_digest)s
for update
