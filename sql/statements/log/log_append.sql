-- One event; no row comes back when its event_id is there already.
insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
values (
    %(event_id)s, %(timestamp)s, %(event_type)s, %(user_id)s, %(action)s, %(target)s, %(metadata)s::jsonb, %(source)s
)
on conflict (event_id) do nothing
returning id
