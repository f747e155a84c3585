-- In the order in which a fold takes them.
select
    log.id,
    log.occurred_at as timestamp,
    log.event_type,
    log.user_id,
    log.action,
    log.target,
    log.metadata::text,
    log.source,
    log.event_id,
    log.recorded_at
from log_row as log
where log.user_id = %(user_id)s
  and (%(as_of)s::timestamptz is null or log.timestamp <= %(as_of)s)
  and (%(known_at)s::timestamptz is null or log.recorded_at <= %(known_at)s)
order by log.timestamp, log.id
