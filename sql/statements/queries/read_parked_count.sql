-- How many events these projections have parked; several of them may have parked one event.
select count(distinct position)
from projection_failure
where projection = any(%(projections)s::varchar[])
