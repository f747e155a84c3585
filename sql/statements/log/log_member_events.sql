-- All events of these members at or before a position, as they fold: through the index on (user_id, timestamp).
select
    log.id,
    case
        when log.timestamp >= '0001-01-01 00:00:00+00' and log.timestamp < '10000-01-01 00:00:00+00'
        then log.timestamp
    end as timestamp,
    log.event_type,
    log.user_id,
    log.action,
    log.target,
    log.metadata::text,
    log.source
from unnest(%(user_ids)s::varchar[]) as member (user_id)
cross join lateral (
    select *
    from webhook_audit_log
    where webhook_audit_log.user_id = member.user_id
      and webhook_audit_log.timestamp <= coalesce(%(until)s, 'infinity'::timestamptz)
      and webhook_audit_log.recorded_at <= coalesce(%(recorded_until)s, 'infinity'::timestamptz)
      and webhook_audit_log.id <= %(upto)s
) as log
order by log.user_id, log.timestamp, log.id
