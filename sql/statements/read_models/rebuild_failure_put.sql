with gone as (
    delete from projection_failure
    where projection = %(projection)s
      and position not in (select position from projection_rebuild_failure where projection = %(projection)s)
)
insert into projection_failure (projection, position, user_id, error)
select projection, position, user_id, error
from projection_rebuild_failure
where projection = %(projection)s
on conflict (projection, position) do nothing
