select count(*)
from webhook_audit_log
where id <= %(upto)s
