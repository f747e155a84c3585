-- The version that the last switch to this one took the names from.
select (details ->> 'from')::integer
from ledger_operation
where kind = 'switch'
  and projection = %(projection)s
  and (details ->> 'to')::integer = %(version)s
order by id desc
limit 1
