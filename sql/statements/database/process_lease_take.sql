-- Ours from now on, or for longer: where nobody has it, its time is over, its clock stepped back, or the connection it
-- was taken with is gone (a killed process).
insert into process_lease as lease
    (name, holder, description, backend_pid, acquired_at, renewed_at, expires_at)
values (
    %(name)s, %(holder)s, %(description)s, pg_backend_pid(),
    clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(secs => %(seconds)s)
)
on conflict (name) do update
set holder = excluded.holder,
    description = excluded.description,
    backend_pid = excluded.backend_pid,
    acquired_at = case when lease.holder = excluded.holder then lease.acquired_at else excluded.acquired_at end,
    renewed_at = excluded.renewed_at,
    expires_at = excluded.expires_at
where lease.holder = excluded.holder
   or lease.expires_at <= clock_timestamp()
   or lease.renewed_at > clock_timestamp() + interval '1 second'
   or not exists (select from pg_stat_activity where pid = lease.backend_pid)
returning name
