-- Not dropped: that would wait for whoever reads the log, and let other readers wait behind it.
alter table webhook_audit_log disable trigger trigger_sync_current_roles
