insert into projection_rebuild_failure (projection, position, user_id, error)
values (%(projection)s, %(position)s, %(user_id)s, %(error)s)
on conflict do nothing
