-- No row where somebody else seals: their time is not over, and their connection is there.
update sealer
set holder = %(holder)s,
    description = %(description)s,
    backend_pid = pg_backend_pid(),
    renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
where holder is null
   or holder = %(holder)s
   or expires_at <= clock_timestamp()
   -- the clock stepped back since
   or renewed_at > clock_timestamp() + interval '1 second'
   or not exists (select from pg_stat_activity where pid = sealer.backend_pid)
returning holder
