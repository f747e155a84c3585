-- What a projection leaves out: members from where they are parked; positions that were skipped, and ranges retracted for
-- all, as the chain of seals has them.
select 'parked' as kind, user_id, position as first_position, position as last_position
from projection_failure
where projection = %(projection)s
  and version = %(version)s
union all
select kind, null, first_position, last_position
from left_out_by_chain(%(projection)s)
