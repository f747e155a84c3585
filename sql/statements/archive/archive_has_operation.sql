-- One of these operations that the journal has already; 0 for none.
select coalesce(min(id), 0)
from ledger_operation
where id in (select id from jsonb_populate_recordset(null::ledger_operation, %(rows)s::jsonb))
