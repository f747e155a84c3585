select name, start_position
from effect
where projection = %(projection)s and version = %(version)s
