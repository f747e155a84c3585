-- Locked, so that two who apply one snapshot take turns.
select number, user_id, observed, loses, differences
from snapshot_finding
where snapshot = %(snapshot)s
  and settled_at is null
order by number
limit %(limit)s
for update
