-- Whoever may have held the role, or who of these members: nobody holds one that was never added.
select distinct user_id
from webhook_audit_log
where event_type = 'discord_role_change'
  and action = 'added'
  and target = %(role)s
  and timestamp <= coalesce(%(as_of)s::timestamptz, 'infinity')
  and recorded_at <= coalesce(%(known_at)s::timestamptz, 'infinity')
  and (%(user_ids)s::varchar[] is null or user_id = any(%(user_ids)s::varchar[]))
order by user_id
