-- To whoever excludes the steps: where the lanes stand, and what they passed.
select position, passed
from projection_lane
where projection = %(projection)s
  and version = %(version)s
order by lane
