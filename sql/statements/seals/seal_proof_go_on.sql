update seal_proof
set next_number = %(next)s,
    began_at = coalesce(%(began_at)s, clock_timestamp()),
    found = %(found)s::jsonb
returning began_at
