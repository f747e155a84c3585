-- Which database this is: a standby has the same numbers as its primary. `started_at` tells one server from the other.
select
    (select system_identifier from pg_control_system())::text as system,
    (select oid from pg_database where datname = current_database())::bigint as database,
    pg_postmaster_start_time() as started_at,
    pg_is_in_recovery() as standby
