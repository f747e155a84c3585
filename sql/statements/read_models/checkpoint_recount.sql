update projection_checkpoint
set position = %(position)s,
    passed = %(passed)s
where projection = %(projection)s
  and version = %(version)s
