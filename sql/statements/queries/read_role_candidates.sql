-- Whoever may have held the role: nobody holds one that was never added.
select distinct user_id
from webhook_audit_log
where event_type = 'discord_role_change'
  and action = 'added'
  and target = %(role)s
  and timestamp <= coalesce(%(as_of)s::timestamptz, 'infinity')
  and recorded_at <= coalesce(%(known_at)s::timestamptz, 'infinity')
order by user_id
