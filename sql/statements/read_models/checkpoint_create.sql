insert into projection_checkpoint (projection, version)
values (%(projection)s, %(version)s)
on conflict (projection) do nothing
