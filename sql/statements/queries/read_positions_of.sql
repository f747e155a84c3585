select event_id, id
from webhook_audit_log
where event_id = any(%(event_ids)s::uuid[])
