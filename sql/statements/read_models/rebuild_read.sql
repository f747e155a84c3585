select
    version,
    position,
    exceptions,
    cut,
    reads,
    started_at,
    exists (
        -- after a restart of the server its number may be somebody else's
        select
        from pg_stat_activity
        where pid = backend_pid
          and pid <> pg_backend_pid()
          and application_name = 'temple replay'
    ) as alive
from projection_rebuild
where projection = %(projection)s
  and version = %(version)s
