-- The log as it is exported, with when "members" first folded each event. Null conditions are none.
select
    id,
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
    processed_at
from log_row
where id > %(after)s
  and id <= %(upto)s
  and (%(user_id)s::varchar is null or user_id = %(user_id)s)
  and (%(event_type)s::varchar is null or event_type = %(event_type)s)
  and timestamp >= coalesce(%(since)s, '-infinity'::timestamptz)
  and timestamp <= coalesce(%(until)s, 'infinity'::timestamptz)
order by id
