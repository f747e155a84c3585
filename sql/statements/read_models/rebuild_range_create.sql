insert into projection_rebuild_range (projection, version, number, after_user, upto_user)
values (%(projection)s, %(version)s, %(number)s, %(after_user)s, %(upto_user)s)
