insert into web_session (digest, person, rights, how, idle_seconds, expires_at)
values (
    %(digest)s, %(person)s, %(rights)s, %(how)s, %(idle_seconds)s,
    clock_timestamp() + make_interval(secs => %(seconds)s)
)
