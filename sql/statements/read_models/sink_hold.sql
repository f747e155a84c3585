insert into effect_sink as there (sink, holder, backend_pid, expires_at)
values (%(sink)s, %(holder)s, pg_backend_pid(), clock_timestamp() + make_interval(secs => %(seconds)s))
on conflict (sink) do update
set holder = excluded.holder,
    backend_pid = excluded.backend_pid,
    expires_at = excluded.expires_at
where there.holder is null
   or there.holder = excluded.holder
   or there.expires_at < clock_timestamp()
   or not exists (select from pg_stat_activity where pid = there.backend_pid)
returning sink
