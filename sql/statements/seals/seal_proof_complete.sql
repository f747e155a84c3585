update seal_proof
set next_number = 1,
    began_at = null,
    found = '[]',
    proven_number = %(number)s,
    proven_position = %(position)s,
    proven_at = clock_timestamp(),
    proven_found = %(found)s::jsonb,
    findings = %(findings)s
