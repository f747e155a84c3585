-- Acceptances, which the chain names by their number. The login is that of whoever restores.
insert into ledger_operation (id, kind, projection, performed_by, reason, performed_at, details) overriding system value
select id, kind, projection, performed_by, reason, performed_at, details
from jsonb_populate_recordset(null::ledger_operation, %(rows)s::jsonb)
