-- Straight into the log: no staging table, so that a bulk import costs what COPY costs.
copy webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source) from stdin with (encoding 'UTF8')
