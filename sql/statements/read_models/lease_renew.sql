update projection_lease
set renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => %(seconds)s),
    backend_pid = pg_backend_pid()
where holder = %(holder)s
  and expires_at > clock_timestamp()
returning projection, version, lane
