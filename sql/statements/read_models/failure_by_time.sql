-- Where the member is parked because its fold took too long.
select position
from projection_failure
where projection = %(projection)s
  and version = %(version)s
  and user_id = %(user_id)s
  and kind = 'time'
