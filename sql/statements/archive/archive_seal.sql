-- The last seal of a range that ends at or before a position, and the hash of the chain there.
select number, encode(hash, 'hex')
from log_seal
where kind = 'range' and last_position <= %(upto)s
order by number desc
limit 1
