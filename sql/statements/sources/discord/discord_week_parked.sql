select count(distinct user_id)
from projection_failure
where projection = 'members'
