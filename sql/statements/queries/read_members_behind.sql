-- Whose events stand above a position, of the first ones there.
select user_id
from webhook_audit_log
where id > %(after)s
order by id
limit %(limit)s
