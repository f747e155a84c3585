-- One event by its position or by its event_id, with when "members" first folded it.
select
    trail.id,
    case
        when trail.timestamp between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00' then trail.timestamp
    end as timestamp,
    trail.event_type,
    trail.user_id,
    trail.action,
    trail.target,
    trail.metadata::text,
    trail.source,
    trail.event_id,
    trail.recorded_at,
    trail.processed_at
from webhook_audit_trail as trail
where trail.id = %(position)s
   or trail.event_id = %(event_id)s
