select entry_id, actor, reason, at
from discord_attribution
where role_id = %(role_id)s
  and direction = 'delete'
order by at
limit 1
