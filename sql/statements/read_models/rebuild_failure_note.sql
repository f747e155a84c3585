insert into projection_rebuild_failure (projection, version, position, user_id, error, kind, frames)
values (%(projection)s, %(version)s, %(position)s, %(user_id)s, %(error)s, %(kind)s, %(frames)s)
on conflict do nothing
