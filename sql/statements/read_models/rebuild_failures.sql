-- What a rebuild could not fold, with the event that it was parked at.
select failure.user_id, failure.error, failure.frames, log.event_type, log.action
from projection_rebuild_failure as failure
join webhook_audit_log as log on log.id = failure.position
where failure.projection = %(projection)s
  and failure.version = %(version)s
  and failure.kind = 'event'
