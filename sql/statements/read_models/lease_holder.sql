-- How many of its leases are this holder's, and who has another one.
select
    count(*) filter (where holder = %(holder)s),
    min(description) filter (where holder <> %(holder)s)
from projection_lease
where projection = %(projection)s
  and version = %(version)s
