-- The log as it is exported, with when "members" first folded each event. Null conditions are none.
select
    log_row.id,
    event_id,
    occurred_at as timestamp,
    timestamp::text as timestamp_text,
    event_type,
    user_id,
    action,
    target,
    metadata::text,
    source,
    recorded_at,
    processed_at,
    retraction.retracted_at
from log_row
left join lateral (
    -- ranges do not overlap: the nearest one at or before the position decides
    select last_position, retraction as number
    from retracted_range
    where first_position <= log_row.id
    order by first_position desc
    limit 1
) as nearest on true
left join log_retraction as retraction
    on retraction.id = nearest.number
   and log_row.id <= nearest.last_position
where log_row.id > %(after)s
  and log_row.id <= %(upto)s
  and (%(retracted)s or retraction.id is null)
  and (%(user_id)s::varchar is null or user_id = %(user_id)s)
  and (%(event_type)s::varchar is null or event_type = %(event_type)s)
  and timestamp >= coalesce(%(since)s, '-infinity'::timestamptz)
  and timestamp <= coalesce(%(until)s, 'infinity'::timestamptz)
order by log_row.id
