-- Whom a rebuild does not fold any more, because it took too long, and from which position on.
select user_id, position, error
from projection_rebuild_failure
where projection = %(projection)s
  and version = %(version)s
  and kind = 'time'
