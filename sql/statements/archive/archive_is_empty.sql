-- Whether this ledger never had an event, nor anything that belongs to events.
select not (
    exists (select from webhook_audit_log)
    or coalesce(pg_sequence_last_value(pg_get_serial_sequence('webhook_audit_log', 'id')::regclass), 0) > 0
    or exists (select from projection_checkpoint where position > 0)
    or exists (select from skipped_position)
    or exists (select from log_import)
    or exists (select from log_retraction)
    or exists (select from erasure)
)
