select description, acquired_at
from process_lease
where name = %(name)s
