-- In place of what the rebuild has noted of the member before.
with gone as (
    delete from projection_rebuild_failure
    where projection = %(projection)s
      and version = %(version)s
      and user_id = %(user_id)s
      and kind = 'time'
      and position <> %(position)s
)
insert into projection_rebuild_failure (projection, version, position, user_id, error, kind, frames)
values (%(projection)s, %(version)s, %(position)s, %(user_id)s, %(error)s, %(kind)s, %(frames)s)
on conflict do nothing
