insert into projection_lease as lease
    (projection, version, lane, holder, description, backend_pid, acquired_at, renewed_at, expires_at)
values (
    %(projection)s, %(version)s, %(lane)s, %(holder)s, %(description)s, pg_backend_pid(),
    clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(secs => %(seconds)s)
)
on conflict (projection, version, lane) do update
set holder = excluded.holder,
    description = excluded.description,
    backend_pid = excluded.backend_pid,
    acquired_at = excluded.acquired_at,
    renewed_at = excluded.renewed_at,
    expires_at = excluded.expires_at
where lease_is_over(lease)
   or lease.holder = excluded.holder
   or not exists (select from pg_stat_activity where pid = lease.backend_pid)
returning projection
