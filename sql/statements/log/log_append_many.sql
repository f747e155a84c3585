-- Many events, their positions in the order of the array; what comes back was added.
insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
select event_id, timestamp, event_type, user_id, action, target, metadata::jsonb, source
from rows from (
    json_to_recordset(%(entries)s::json) as (
        event_id uuid,
        timestamp timestamptz,
        event_type text,
        user_id text,
        action text,
        target text,
        metadata text,
        source text
    )
) with ordinality as given (event_id, timestamp, event_type, user_id, action, target, metadata, source, place)
order by place
on conflict (event_id) do nothing
returning event_id, id
