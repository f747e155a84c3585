update patreon_token
set access_token = %(access_token)s,
    refresh_token = %(refresh_token)s,
    key_digest = %(key_digest)s,
    refreshed_at = %(refreshed_at)s,
    refresh_at = %(refresh_at)s,
    expires_at = %(expires_at)s,
    refused_at = null
where name = %(name)s
