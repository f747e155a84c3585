update patreon_token
set access_token = %(access_token)s,
    refresh_token = %(refresh_token)s,
    key_digest = %(key_digest)s
where name = %(name)s
