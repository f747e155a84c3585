-- The operations journal: beside who says they did it, the login that did. Cost on a large table: none, whatever its
-- size: no row is rewritten or read. What was done before has null: nobody recorded it, and no value would be true.
alter table ledger_operation add column login text;
alter table ledger_operation alter column login set default session_user;
-- not valid: of new rows only
alter table ledger_operation add constraint login_is_recorded check (login is not null) not valid;
comment on column ledger_operation.performed_by is 'who says they did it: the setting operator, or the account';
comment on column ledger_operation.login is 'the login of the session, whatever role it had set; null before it was recorded';

-- Whoever writes the journal chooses neither login, time nor number.
revoke insert on ledger_operation from temple_project;
grant insert (kind, projection, performed_by, reason, details) on ledger_operation to temple_project;
