update patreon_token
set refused_at = %(at)s
where name = %(name)s
