-- All events of these members at or before a position, as they fold: through the index on (user_id, timestamp).
select
    log.id,
    log.occurred_at as timestamp,
    log.event_type,
    log.user_id,
    log.action,
    log.target,
    log.metadata::text,
    log.source
from unnest(%(user_ids)s::varchar[]) as member (user_id)
cross join lateral (
    select *
    from log_row
    where log_row.user_id = member.user_id
      and log_row.timestamp <= coalesce(%(until)s, 'infinity'::timestamptz)
      and log_row.recorded_at <= coalesce(%(recorded_until)s, 'infinity'::timestamptz)
      and log_row.id <= %(upto)s
) as log
order by log.user_id, log.timestamp, log.id
