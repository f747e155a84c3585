-- By whoever migrates: its tables are not what its code declares.
update projection_checkpoint
set state = 'failed',
    reason = %(reason)s,
    epoch = epoch + 1,
    updated_at = clock_timestamp()
where projection = %(projection)s
  and version = %(version)s
  and state = 'running'
