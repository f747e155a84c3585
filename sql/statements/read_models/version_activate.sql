update projection_checkpoint
set active = true,
    epoch = epoch + 1,
    updated_at = clock_timestamp()
where projection = %(projection)s
  and version = %(version)s
