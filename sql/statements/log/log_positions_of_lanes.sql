-- Where events of the members of these lanes stand in (after, upto], the first so many.
select id
from webhook_audit_log
where id > %(after)s
  and id <= %(upto)s
  and lane_of(user_id) = any(%(lanes)s::smallint[])
order by id
limit %(limit)s
