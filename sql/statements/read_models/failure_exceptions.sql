select 'parked' as kind, user_id, position
from projection_failure
where projection = %(projection)s
union all
select 'skipped', user_id, position
from skipped_position
where projection = %(projection)s
