insert into projection_rebuild_range (projection, number, after_user, upto_user)
values (%(projection)s, %(number)s, %(after_user)s, %(upto_user)s)
