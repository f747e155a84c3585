select exists (select from webhook_audit_log)
