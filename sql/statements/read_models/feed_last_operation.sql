-- The last one at or below a position.
select coalesce(max(operation), 0)
from feed_change
where projection = %(projection)s and version = %(version)s and position = %(position)s
