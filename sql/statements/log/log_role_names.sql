-- What the log says of the names of roles, in the order in which it was recorded.
select target, action, occurred_at, metadata ->> 'name'
from log_row as log
where event_type = 'discord_role'
  and action in ('created', 'renamed', 'deleted')
  and target <> ''
  and occurred_at is not null
  and id > coalesce(
      (
          select last_position from retracted_range where first_position <= log.id
          order by first_position desc limit 1
      ),
      0
  )
order by id
