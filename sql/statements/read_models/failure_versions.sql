select failure.position, failure.user_id, log.event_type, log.action
from projection_failure as failure
join webhook_audit_log as log on log.id = failure.position
where failure.projection = %(projection)s
  and failure.version = %(version)s
  and failure.kind = 'version'
order by failure.position
