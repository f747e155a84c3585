insert into projection_rebuild (projection, version, position, exceptions, backend_pid)
values (%(projection)s, %(version)s, %(position)s, %(exceptions)s, pg_backend_pid())
