-- Those of these lanes that nobody else holds.
select lane, position
from projection_lane
where projection = %(projection)s
  and version = %(version)s
  and lane = any(%(lanes)s::smallint[])
order by lane
for update skip locked
