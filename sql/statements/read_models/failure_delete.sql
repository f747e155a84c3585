delete from projection_failure
where projection = %(projection)s
  and version = %(version)s
  and position = any(%(positions)s)
returning position
