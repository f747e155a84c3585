-- The next import, retraction and operation get numbers of their own.
select
    setval(pg_get_serial_sequence('log_import', 'id'), greatest(1, (select max(id) from log_import))),
    setval(pg_get_serial_sequence('log_retraction', 'id'), greatest(1, (select max(id) from log_retraction))),
    setval(pg_get_serial_sequence('ledger_operation', 'id'), greatest(1, (select max(id) from ledger_operation)))
