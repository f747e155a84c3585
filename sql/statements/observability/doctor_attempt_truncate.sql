-- Tried as each role: it has to be refused. Where it is not, it is rolled back.
truncate webhook_audit_log
