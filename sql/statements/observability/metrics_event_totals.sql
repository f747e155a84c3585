select event_type, action, sum(events)::bigint as events
from webhook_activity_hourly
where hour >= %(since)s
  and hour < %(until)s
group by event_type, action
