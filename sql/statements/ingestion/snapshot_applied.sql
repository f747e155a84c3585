update snapshot
set applied_at = %(at)s,
    applied_by = %(by)s
where id = %(id)s
  and applied_at is null
