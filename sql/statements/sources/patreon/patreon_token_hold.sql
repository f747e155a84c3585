-- Whoever has the row refreshes; the others wait, and then find the new pair.
select access_token, refresh_token, given, refresh_at, expires_at, refused_at, key_digest
from patreon_token
where name = %(name)s
for update
