-- The log as it is exported, with when "members" first folded each event. Null conditions are none.
select
    webhook_audit_trail.id,
    event_id,
    case
        when timestamp >= '0001-01-01 00:00:00+00' and timestamp < '10000-01-01 00:00:00+00' then timestamp
    end as timestamp,
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
from webhook_audit_trail
left join lateral (
    -- ranges do not overlap: the nearest one at or before the position decides
    select last_position, retraction as number
    from retracted_range
    where first_position <= webhook_audit_trail.id
    order by first_position desc
    limit 1
) as nearest on true
left join log_retraction as retraction
    on retraction.id = nearest.number
   and webhook_audit_trail.id <= nearest.last_position
where webhook_audit_trail.id > %(after)s
  and webhook_audit_trail.id <= %(upto)s
  and (%(retracted)s or retraction.id is null)
  and (%(user_id)s::varchar is null or user_id = %(user_id)s)
  and (%(event_type)s::varchar is null or event_type = %(event_type)s)
  and timestamp >= coalesce(%(since)s, '-infinity'::timestamptz)
  and timestamp <= coalesce(%(until)s, 'infinity'::timestamptz)
order by webhook_audit_trail.id
