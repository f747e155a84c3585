-- What the log says of the names of roles, in the order in which it was recorded.
select target, action, timestamp, metadata ->> 'name'
from webhook_audit_log as log
where event_type = 'discord_role'
  and action in ('created', 'renamed', 'deleted')
  and target <> ''
  and timestamp >= '0001-01-01 00:00:00+00' and timestamp < '10000-01-01 00:00:00+00'
  and id > coalesce(
      (
          select last_position from retracted_range where first_position <= log.id
          order by first_position desc limit 1
      ),
      0
  )
order by id
