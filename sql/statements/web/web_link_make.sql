insert into web_link (digest, person, rights, expires_at)
values (%(digest)s, %(person)s, %(rights)s, clock_timestamp() + make_interval(secs => %(seconds)s))
