-- How many events stand in (after, upto], of at most so many, and where the last of them stands.
select count(*), coalesce(max(id), %(after)s)
from (
    select id
    from webhook_audit_log
    where id > %(after)s and id <= %(upto)s
    order by id
    limit %(limit)s
) as passed
