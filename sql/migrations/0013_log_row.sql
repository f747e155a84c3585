-- The log's row as programs read it, in one place. Cost on a large table: none.
create view log_row as
select
    id,
    event_id,
    timestamp,
    case
        when timestamp >= '0001-01-01 00:00:00+00' and timestamp < '10000-01-01 00:00:00+00' then timestamp
    end as occurred_at,
    event_type,
    user_id,
    action,
    target,
    metadata,
    source,
    recorded_at,
    processed_at
from webhook_audit_trail;
comment on view log_row is 'webhook_audit_trail with occurred_at: timestamp, or null where no Python datetime can hold it';

grant select on log_row to temple_append, temple_project, temple_read;
