-- With the positions that the events had: COPY takes them, whatever the column generates.
copy webhook_audit_log (
    id, event_id, timestamp, event_type, user_id, action, target, metadata, source, recorded_at
) from stdin with (format csv)
