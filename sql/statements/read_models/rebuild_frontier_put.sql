-- Changes and adds; user_ids null: of all members. Nobody else writes them: the checkpoint is locked.
with changed as (
    update projection_frontier as live
    set occurred_at = rebuilt.occurred_at,
        position = rebuilt.position
    from projection_rebuild_frontier as rebuilt
    where live.projection = %(projection)s
      and live.version = %(version)s
      and rebuilt.projection = %(projection)s
      and rebuilt.version = %(version)s
      and live.user_id = rebuilt.user_id
      and (%(user_ids)s::text[] is null or live.user_id = any(%(user_ids)s))
      and (live.occurred_at, live.position) is distinct from (rebuilt.occurred_at, rebuilt.position)
)
insert into projection_frontier (projection, version, user_id, occurred_at, position)
select projection, version, user_id, occurred_at, position
from projection_rebuild_frontier as rebuilt
where projection = %(projection)s
  and version = %(version)s
  and (%(user_ids)s::text[] is null or user_id = any(%(user_ids)s))
  and not exists (
    select from projection_frontier as live
    where live.projection = rebuilt.projection
      and live.version = rebuilt.version
      and live.user_id = rebuilt.user_id
      and (%(user_ids)s::text[] is null or live.user_id = any(%(user_ids)s))
)
