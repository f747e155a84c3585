-- Pairs of which one event stands at one of these positions: an event, and the later one that is the same fact at the
-- same time and says who did it. Through the index on (user_id, timestamp).
with pair as (
    select mine.id as first, other.id as later
    from webhook_audit_log as mine
    join webhook_audit_log as other
        on other.user_id = mine.user_id
       and other.timestamp = mine.timestamp
       and other.id > mine.id
       and other.metadata ->> 'attributes' = mine.event_id::text
    where mine.id = any(%(positions)s::bigint[])
    union
    select other.id, mine.id
    from webhook_audit_log as mine
    join webhook_audit_log as other
        on other.user_id = mine.user_id
       and other.timestamp = mine.timestamp
       and other.id < mine.id
       and other.event_id::text = mine.metadata ->> 'attributes'
    where mine.id = any(%(positions)s::bigint[])
      and mine.metadata ->> 'attributes' is not null
)
select
    pair.first,
    later.id,
    later.occurred_at,
    later.event_type,
    later.user_id,
    later.action,
    later.target,
    later.metadata::text,
    later.source,
    later.event_id,
    later.recorded_at
from pair
join webhook_audit_log as first on first.id = pair.first
join log_row as later on later.id = pair.later
where later.event_type = first.event_type
  and later.action = first.action
  and later.target is not distinct from first.target
  and (%(known_at)s::timestamptz is null or later.recorded_at <= %(known_at)s)
order by later.id
