delete from projection_failure
where projection = %(projection)s
  and user_id = any(%(user_ids)s)
returning user_id, attempts
