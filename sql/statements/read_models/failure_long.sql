select user_id
from projection_failure
where projection = %(projection)s
  and version = %(version)s
  and kind = 'long'
order by position
