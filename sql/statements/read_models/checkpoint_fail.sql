-- Only while this runner leads it, and nobody decided otherwise meanwhile.
update projection_checkpoint as checkpoint
set state = 'failed',
    reason = %(reason)s,
    epoch = checkpoint.epoch + 1,
    updated_at = clock_timestamp()
where checkpoint.projection = %(projection)s
  and checkpoint.version = %(version)s
  and checkpoint.state = 'running'
  and exists (
      select from projection_lease as lease
      where (lease.projection, lease.version) = (checkpoint.projection, checkpoint.version)
        and lease.holder = %(holder)s
  )
