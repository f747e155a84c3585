-- What a projection leaves out: members from where they are parked, positions that were skipped, ranges retracted for all.
select 'parked' as kind, user_id, position as first_position, position as last_position
from projection_failure
where projection = %(projection)s
  and version = %(version)s
union all
select 'skipped', user_id, position, position
from skipped_position
where projection = %(projection)s
union all
select 'retracted', null, first_position, last_position
from retracted_range
