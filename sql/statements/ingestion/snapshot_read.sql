select
    id, source, started_at, finished_at, complete, note, members, known, at_risk, differences, applied_at, applied_by,
    counted
from snapshot
where id = %(id)s
