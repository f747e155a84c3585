-- Only while this runner leads it, and nobody decided otherwise meanwhile.
update projection_checkpoint as checkpoint
set state = 'failed',
    reason = %(reason)s,
    epoch = checkpoint.epoch + 1,
    updated_at = clock_timestamp()
from projection_lease as lease
where checkpoint.projection = %(projection)s
  and checkpoint.state = 'running'
  and lease.projection = checkpoint.projection
  and lease.holder = %(holder)s
