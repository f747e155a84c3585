update snapshot
set finished_at = %(finished_at)s,
    complete = %(complete)s,
    note = %(note)s,
    counted = %(counted)s,
    members = %(members)s,
    known = %(known)s,
    at_risk = %(at_risk)s,
    differences = %(differences)s::jsonb
where id = %(id)s
