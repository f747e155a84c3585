select timestamp
from webhook_audit_log
where event_actor(metadata) = left(%(user_id)s, 100)
order by timestamp desc
limit 1
