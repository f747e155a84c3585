-- The ranges, as text, of what an import of a file let count again.
select detail.range
from ledger_operation as operation
cross join lateral jsonb_array_elements_text(operation.details -> 'ranges') as detail (range)
where operation.kind = 'reinstate' and (operation.details ->> 'imported_again_as')::bigint = %(import)s
