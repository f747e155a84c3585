-- Above every position that is known anywhere.
select setval(pg_get_serial_sequence('webhook_audit_log', 'id'), %(position)s)
