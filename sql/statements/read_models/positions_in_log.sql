select log.id
from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as given (first_position, last_position)
join webhook_audit_log as log on log.id between given.first_position and given.last_position
