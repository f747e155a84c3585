select
    id, projection, version, kind, position, started_at, finished_at, members, touched, drifts, drifted_members, parked,
    passed, in_log, listed
from verification
where id = %(id)s
