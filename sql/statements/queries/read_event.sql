-- One event by its position or by its event_id, with when "members" first folded it.
select
    trail.id,
    trail.occurred_at as timestamp,
    trail.event_type,
    trail.user_id,
    trail.action,
    trail.target,
    trail.metadata::text,
    trail.source,
    trail.event_id,
    trail.recorded_at,
    trail.processed_at
from log_row as trail
where trail.id = %(position)s
   or trail.event_id = %(event_id)s
