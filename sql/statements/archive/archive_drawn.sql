-- The last position that was given.
select coalesce(pg_sequence_last_value(pg_get_serial_sequence('webhook_audit_log', 'id')::regclass), 0)
