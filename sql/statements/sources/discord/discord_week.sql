-- How much happened within a week: who came and went, and roles given and removed; none of it retracted.
select
    case when log.event_type = 'discord_role_change' then log.action else log.event_type end as what,
    count(*)
from webhook_audit_log as log
where log.event_type in ('discord_join', 'discord_leave', 'discord_role_change')
  and log.timestamp > %(since)s
  and log.timestamp <= %(upto)s
  and log.metadata ->> 'attributes' is null
  and not exists (
      select from retracted_range as part where log.id between part.first_position and part.last_position
  )
group by 1
