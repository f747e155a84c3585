-- Members with events above one position and not above another.
select distinct user_id
from webhook_audit_log
where id > %(after)s
  and id <= %(upto)s
