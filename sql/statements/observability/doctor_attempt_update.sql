-- Tried as each role: it has to be refused. It would change no row, and is rolled back.
update webhook_audit_log set source = source where false
