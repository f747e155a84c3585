-- How many members are parked at an event that had occurred by some time: what is folded of them then is from before it.
select count(distinct failure.user_id)
from projection_failure as failure
join projection_checkpoint as checkpoint using (projection, version)
join webhook_audit_log as log on log.id = failure.position
where failure.projection = %(projection)s
  and checkpoint.active
  and (%(as_of)s::timestamptz is null or log.timestamp <= %(as_of)s)
