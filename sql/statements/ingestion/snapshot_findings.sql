select number, user_id, observed, loses, differences
from snapshot_finding
where snapshot = %(snapshot)s
  and number > %(after)s
order by number
limit %(limit)s
