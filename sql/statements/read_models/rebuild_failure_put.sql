-- user_ids null: of all members.
with gone as (
    delete from projection_failure
    where projection = %(projection)s
      and version = %(version)s
      and (%(user_ids)s::text[] is null or user_id = any(%(user_ids)s))
      and position not in (
          select position from projection_rebuild_failure
          where projection = %(projection)s
            and version = %(version)s
      )
)
insert into projection_failure (projection, version, position, user_id, error, kind, frames)
select projection, version, position, user_id, error, kind, frames
from projection_rebuild_failure
where projection = %(projection)s
  and version = %(version)s
  and (%(user_ids)s::text[] is null or user_id = any(%(user_ids)s))
on conflict (projection, version, position) do update
set user_id = excluded.user_id, error = excluded.error, kind = excluded.kind, frames = excluded.frames
