with gone as (
    delete from projection_failure
    where projection = %(projection)s
      and position not in (select position from projection_rebuild_failure where projection = %(projection)s)
)
insert into projection_failure (projection, position, user_id, error, kind, frames)
select projection, position, user_id, error, kind, frames
from projection_rebuild_failure
where projection = %(projection)s
on conflict (projection, position) do update
set error = excluded.error, kind = excluded.kind, frames = excluded.frames
