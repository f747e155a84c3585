update projection_checkpoint
set active = false,
    epoch = epoch + 1,
    updated_at = clock_timestamp()
where projection = %(projection)s
  and active
