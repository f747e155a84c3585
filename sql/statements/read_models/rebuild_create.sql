insert into projection_rebuild (projection, version, position, exceptions, cut, reads, backend_pid)
values (%(projection)s, %(version)s, %(position)s, %(exceptions)s, %(cut)s, %(reads)s, pg_backend_pid())
