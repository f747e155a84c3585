-- Straight into the log: no staging table, so that a bulk import costs what COPY costs. The binary format spares the
-- server the parsing of each time and id.
copy webhook_audit_log (event_id, timestamp, event_type, action, source, user_id, target, metadata) from stdin with (format binary)
