-- How many events of the member the projection has not folded yet.
select count(*)
from webhook_audit_log as log
join projection_checkpoint as checkpoint on checkpoint.projection = %(projection)s
where checkpoint.version = %(version)s
  and log.user_id = %(user_id)s
  and log.id > checkpoint.position
  and log.id > coalesce(
      (
          select lane.position
          from projection_lane as lane
          where (lane.projection, lane.version) = (checkpoint.projection, checkpoint.version)
            and lane.lane = lane_of(%(user_id)s)
      ),
      0
  )
  and checkpoint.state <> 'trigger'
