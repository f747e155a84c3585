-- Where the last sealed range ends that ends at or before a position; 0 where there is none.
select coalesce(max(last_position), 0)
from log_seal
where kind = 'range' and last_position <= %(upto)s
