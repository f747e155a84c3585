select projection, skipped_by, reason, skipped_at
from skipped_position
where position = %(position)s
order by projection
