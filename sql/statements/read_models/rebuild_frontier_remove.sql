-- user_ids null: of all members.
delete from projection_frontier as live
where live.projection = %(projection)s
  and live.version = %(version)s
  and (%(user_ids)s::text[] is null or live.user_id = any(%(user_ids)s))
  and not exists (
    select from projection_rebuild_frontier as rebuilt
    where rebuilt.projection = live.projection
      and rebuilt.version = live.version
      and rebuilt.user_id = live.user_id
      and (%(user_ids)s::text[] is null or rebuilt.user_id = any(%(user_ids)s))
)
