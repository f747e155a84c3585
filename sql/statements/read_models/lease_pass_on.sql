-- To another holder, who takes it over from our connection when it is there.
update projection_lease
set holder = %(to)s,
    expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
where projection = %(projection)s
  and version = %(version)s
  and holder = %(holder)s
  and expires_at > clock_timestamp()
returning projection
