update effect_sink
set holder = null,
    backend_pid = null,
    expires_at = null
where holder = %(holder)s
