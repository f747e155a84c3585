insert into projection_rebuild (projection, version, position, exceptions, cut, backend_pid)
values (%(projection)s, %(version)s, %(position)s, %(exceptions)s, %(cut)s, pg_backend_pid())
