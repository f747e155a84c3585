delete from projection_failure
where projection = %(projection)s
  and position = any(%(positions)s)
returning position
