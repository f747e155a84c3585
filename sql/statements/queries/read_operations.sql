select id, performed_at, kind, projection, performed_by, login, reason, details
from ledger_operation
where (%(projection)s::text is null or projection = %(projection)s)
  and (%(id)s::bigint is null or id = %(id)s)
  and (%(before)s::bigint is null or id < %(before)s)
order by id desc
limit %(limit)s
