-- Waits for the step that holds it.
select lane
from projection_lane
where projection = %(projection)s
  and version = %(version)s
  and lane = %(lane)s
for update
