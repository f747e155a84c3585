-- Members of whom one of these projections does not fold every event.
select user_id
from projection_failure
where projection = any(%(projections)s::varchar[])
union
select user_id
from skipped_position
where projection = any(%(projections)s::varchar[])
