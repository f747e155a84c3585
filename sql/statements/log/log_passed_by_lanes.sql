-- As log_passed; but how many of them are of these lanes, and last how many there are in all.
select count(*) filter (where lane_of(user_id) = any(%(lanes)s::smallint[])), coalesce(max(id), %(after)s), count(*)
from (
    select id, user_id
    from webhook_audit_log
    where id > %(after)s and id <= %(upto)s
    order by id
    limit %(limit)s
) as passed
