select searched_position
from erasure
where id = %(erasure)s
