-- Positions stay. What the canon calls processed_at is the nearest that is known of when the log took an event.
insert into public.webhook_audit_log
    (id, event_id, timestamp, event_type, user_id, action, target, metadata, source, recorded_at)
overriding system value
select
    id, event_id, timestamp, event_type, user_id, action, target, metadata, source, coalesce(processed_at, timestamp)
from temple_adopting.webhook_audit_log
order by id
