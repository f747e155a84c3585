select number, after_user, upto_user, done_user, done_position, done, members, events, first_bucket, last_bucket
from projection_rebuild_range
where projection = %(projection)s
  and version = %(version)s
order by number
