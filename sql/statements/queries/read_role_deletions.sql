-- Of each position at which a role ended because it was deleted: who deleted it, of those events that say so. Through
-- the index on (event_type, timestamp).
select
    ended.id,
    cause.id,
    cause.occurred_at,
    cause.event_type,
    cause.user_id,
    cause.action,
    cause.target,
    cause.metadata::text,
    cause.source,
    cause.event_id,
    cause.recorded_at
from webhook_audit_log as ended
cross join lateral (
    select deletion.*
    from log_row as deletion
    where deletion.event_type = 'discord_role'
      and deletion.action = 'deleted'
      and deletion.target = ended.target
      and deletion.timestamp <= ended.timestamp
      and deletion.metadata ->> 'by' is not null
    order by deletion.timestamp desc, deletion.id desc
    limit 1
) as cause
where ended.id = any(%(positions)s::bigint[])
