-- These positions, those of one member after each other: so each member is folded again once, or twice.
select id
from webhook_audit_log
where id = any(%(positions)s::bigint[])
order by user_id, id
