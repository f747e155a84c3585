insert into projection_rebuild_failure (projection, position, user_id, error, kind, frames)
values (%(projection)s, %(position)s, %(user_id)s, %(error)s, %(kind)s, %(frames)s)
on conflict do nothing
