update projection_checkpoint
set state = %(state)s,
    reason = %(reason)s,
    parks_freely = %(parks_freely)s,
    epoch = epoch + 1,
    updated_at = clock_timestamp()
where projection = %(projection)s
  and version = %(version)s
returning projection
