-- Events more than a day ahead that still count, a thousand at most: through (event_type, timestamp), type by type.
with recursive kind as (
    (select event_type from webhook_audit_log order by event_type limit 1)
    union all
    select (
        select event_type from webhook_audit_log as log where log.event_type > kind.event_type
        order by event_type limit 1
    )
    from kind
    where kind.event_type is not null
)
select ahead.id
from kind
cross join lateral (
    select log.id
    from webhook_audit_log as log
    where log.event_type = kind.event_type
      and log.timestamp > statement_timestamp() + interval '1 day'
      and log.id > coalesce(
          (
              select last_position from retracted_range where first_position <= log.id
              order by first_position desc limit 1
          ),
          0
      )
    limit 1000
) as ahead
order by ahead.id
limit 1000
