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
where log.id <= %(upto)s
  and (%(user_id)s::text is null or log.user_id = %(user_id)s)
  and (%(event_type)s::text is null or log.event_type = %(event_type)s)
  and (%(event_types)s::text[] is null or log.event_type = any(%(event_types)s))
  and (%(action)s::text is null or log.action = %(action)s)
  and (%(source)s::text is null or log.source = %(source)s)
  and (%(targets)s::text[] is null or log.target = any(%(targets)s))
  and (%(by)s::text is null or event_actor(log.metadata) = %(by)s)
  and (%(since)s::timestamptz is null or log.timestamp >= %(since)s)
  and (%(until)s::timestamptz is null or log.timestamp <= %(until)s)
order by log.id desc
limit %(limit)s
