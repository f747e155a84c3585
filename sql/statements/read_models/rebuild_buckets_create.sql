insert into projection_rebuild_range (projection, version, number, first_bucket, last_bucket)
values (%(projection)s, %(version)s, %(number)s, %(first_bucket)s, %(last_bucket)s)
