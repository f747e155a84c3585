-- Waits for every transaction that has appended, prepared ones too; readers go on.
lock table webhook_audit_log in share row exclusive mode
