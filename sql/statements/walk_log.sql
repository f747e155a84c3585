-- Known events by member and time: what a fold reads. The order is that of the index on (user_id, timestamp).
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
from webhook_audit_log as log
join unnest(%(event_types)s::text[], %(actions)s::text[]) as known (event_type, action)
    on log.event_type = known.event_type
   and log.action = known.action
where log.id <= %(upto)s
order by log.user_id, log.timestamp, log.id
