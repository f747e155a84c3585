-- Many events, their positions in the order of the arrays; what comes back was added.
insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
select event_id, timestamp, event_type, user_id, action, target, metadata::jsonb, source
from unnest(
    %(event_id)s::uuid[],
    %(timestamp)s::timestamptz[],
    %(event_type)s::varchar[],
    %(user_id)s::varchar[],
    %(action)s::varchar[],
    %(target)s::varchar[],
    %(metadata)s::text[],
    %(source)s::varchar[]
) with ordinality as given (event_id, timestamp, event_type, user_id, action, target, metadata, source, place)
order by place
on conflict (event_id) do nothing
returning event_id, id
