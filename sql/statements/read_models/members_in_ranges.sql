-- Members with events in these ranges, up to a position.
select distinct log.user_id
from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as given (first_position, last_position)
join webhook_audit_log as log
    on log.id between given.first_position and least(given.last_position, %(upto)s)
order by log.user_id
