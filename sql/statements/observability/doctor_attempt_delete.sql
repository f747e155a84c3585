-- Tried as each role: it has to be refused. It would change no row, and is rolled back.
delete from webhook_audit_log where false
