-- Events that these erasures changed, up to a position.
select distinct position
from erased_position
where erasure = any(%(erasures)s::uuid[]) and position <= %(upto)s
order by position
