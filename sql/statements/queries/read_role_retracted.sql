-- The grants and removals of a role that are retracted.
select
    log.id,
    log.occurred_at,
    log.event_type,
    log.user_id,
    log.action,
    log.target,
    log.metadata::text,
    log.source,
    log.event_id,
    log.recorded_at
from retracted_range as part
join log_row as log on log.id between part.first_position and part.last_position
where log.event_type = 'discord_role_change'
  and log.action in ('added', 'removed')
  and log.target = %(role)s
  and (%(as_of)s::timestamptz is null or log.timestamp <= %(as_of)s)
  and (%(known_at)s::timestamptz is null or log.recorded_at <= %(known_at)s)
  and log.occurred_at is not null
