select
    version,
    position,
    exceptions,
    started_at,
    exists (select from pg_stat_activity where pid = backend_pid and pid <> pg_backend_pid()) as alive
from projection_rebuild
where projection = %(projection)s
