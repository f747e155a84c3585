update web_session
set revoked_at = clock_timestamp()
where revoked_at is null
  and (id = %(id)s or digest = %(digest)s)
