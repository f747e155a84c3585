with frontier as (
    delete from projection_rebuild_frontier
    where projection = %(projection)s
      and version = %(version)s
      and user_id = any(%(user_ids)s)
)
delete from projection_rebuild_failure
where projection = %(projection)s
  and version = %(version)s
  and user_id = any(%(user_ids)s)
