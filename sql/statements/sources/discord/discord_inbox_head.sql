select coalesce(max(id), 0)
from inbox
where source = 'discord'
  and state = 'waiting'
