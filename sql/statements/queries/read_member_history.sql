-- In the order in which a fold takes them. Unless the payloads are wanted, of these only what says who did it: all of
-- them may be more than memory holds.
select
    log.id,
    log.occurred_at as timestamp,
    log.event_type,
    log.user_id,
    log.action,
    log.target,
    case
        when %(payloads)s then log.metadata::text
        when jsonb_typeof(log.metadata) = 'object' then jsonb_strip_nulls(jsonb_build_object(
            'granted_by', log.metadata -> 'granted_by',
            'by', log.metadata -> 'by',
            'attributes', log.metadata -> 'attributes'
        ))::text
    end as metadata,
    log.source,
    log.event_id,
    log.recorded_at
from log_row as log
where log.user_id = %(user_id)s
  and (%(as_of)s::timestamptz is null or log.timestamp <= %(as_of)s)
  and (%(known_at)s::timestamptz is null or log.recorded_at <= %(known_at)s)
order by log.timestamp, log.id
