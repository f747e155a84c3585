-- Ranges of the positions that it changed.
select coalesce(range_agg(int8range(position, position, '[]')), '{}')::text, count(*)
from erased_position
where erasure = %(erasure)s
