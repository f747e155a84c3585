-- Who deleted the role, of those events that say so.
select metadata ->> 'by'
from webhook_audit_log
where event_type = 'discord_role'
  and action = 'deleted'
  and target = %(role)s
  and metadata ->> 'by' is not null
  and (%(as_of)s::timestamptz is null or timestamp <= %(as_of)s)
  and (%(known_at)s::timestamptz is null or recorded_at <= %(known_at)s)
order by timestamp desc, id desc
limit 1
