-- A chain of pairs begins with what the settings give; one that goes on is left alone.
insert into patreon_token as known (name, access_token, refresh_token, given, refreshed_at, refresh_at, expires_at, key_digest)
values (
    %(name)s, %(access_token)s, %(refresh_token)s, %(given)s, %(refreshed_at)s, %(refresh_at)s, %(expires_at)s, %(key_digest)s
)
on conflict (name) do update
set access_token = excluded.access_token,
    refresh_token = excluded.refresh_token,
    given = excluded.given,
    refreshed_at = excluded.refreshed_at,
    refresh_at = excluded.refresh_at,
    expires_at = excluded.expires_at,
    key_digest = excluded.key_digest,
    refused_at = null
where known.given <> excluded.given
