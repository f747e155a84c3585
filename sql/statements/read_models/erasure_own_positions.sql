select id
from webhook_audit_log
where user_id = any(%(words)s::text[])
order by id
limit %(limit)s
