-- Only while this runner leads it, and nobody decided otherwise meanwhile.
update projection_checkpoint as checkpoint
set state = 'failed',
    reason = %(reason)s,
    epoch = checkpoint.epoch + 1,
    updated_at = clock_timestamp()
from projection_lease as lease
where checkpoint.projection = %(projection)s
  and checkpoint.version = %(version)s
  and checkpoint.state = 'running'
  and (lease.projection, lease.version, lease.lane) = (checkpoint.projection, checkpoint.version, checkpoint.lane)
  and lease.holder = %(holder)s
