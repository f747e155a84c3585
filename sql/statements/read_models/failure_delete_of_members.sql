-- What failed again stays, so that its attempts are counted.
delete from projection_failure
where projection = %(projection)s
  and version = %(version)s
  and user_id = any(%(user_ids)s)
  and position <> all(%(still)s::bigint[])
