select count(*)
from webhook_audit_log
where user_id = any(%(words)s::text[])
