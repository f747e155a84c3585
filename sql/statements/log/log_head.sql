-- The greatest id that is visible now; 0 for an empty log.
select coalesce(max(id), 0) from webhook_audit_log
