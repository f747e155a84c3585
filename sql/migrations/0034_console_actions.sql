-- What the console may have done: its process for actions works on the inbox and asks the owner as temple_operate, and
-- what is done about deliveries is entered in the operations journal. Cost on a large table: the index reads
-- ledger_operation once, which has a row for each thing that somebody did by hand.
grant select (id, source, kind, origin, received_at, state, size, repeats, last_received_at, translated_at, note, digest,
    details) on inbox to temple_operate;
grant update (state, note, translated_at) on inbox to temple_operate;

grant select on ledger_operation to temple_operate, temple_translate;
grant insert (kind, projection, performed_by, reason, details) on ledger_operation to temple_operate, temple_translate;

create index ledger_operation_requests on ledger_operation (id)
    where kind in ('request', 'request carried out', 'request refused');

-- whoever signs in through a source: its name says how
alter table web_session drop constraint web_session_how_check;
alter table web_session alter column how type varchar(50);
alter table web_session add constraint web_session_how_check check (how ~ '^[a-z][a-z0-9_]*$');
