-- How many members have met an event, up to a position. Asked only where many of them are parked for it.
select count(distinct user_id)
from webhook_audit_log
where event_type = %(event_type)s and action = %(action)s and id <= %(upto)s
