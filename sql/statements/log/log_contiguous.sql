-- The last id before the first gap in (after, upto].
select coalesce(max(id), %(after)s)
from (
    select id, row_number() over (order by id) as place
    from webhook_audit_log
    where id > %(after)s and id <= %(upto)s
) as visible
where id - place = %(after)s
