-- As log_passed; but how many of them are of these lanes, but for those under some names, and last how many there are in
-- all. What tells a lane is a hash, which takes longer than all else here.
select
    count(*) filter (where not {without} and lane_of(user_id) = any(%(lanes)s::smallint[])),
    coalesce(max(id), %(after)s),
    count(*)
from (
    select id, user_id, event_type, action
    from webhook_audit_log
    where id > %(after)s and id <= %(upto)s
    order by id
    limit %(limit)s
) as passed
