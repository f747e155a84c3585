update projection_rebuild
set backend_pid = pg_backend_pid()
where projection = %(projection)s
  and version = %(version)s
