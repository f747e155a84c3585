update snapshot_finding
set settled_at = clock_timestamp()
where snapshot = %(snapshot)s
  and number = any(%(numbers)s::bigint[])
