-- How many events there are between these positions that the lane of their member has reached.
select count(*)
from webhook_audit_log
where id > %(after)s
  and id <= %(upto)s
  and id <= (%(positions)s::bigint[])[lane_of(user_id) + 1]
