select count(*)
from (
    select from webhook_audit_log
    where user_id = %(user_id)s
    limit %(limit)s
) as history
