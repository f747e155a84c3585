-- What the log holds under these event_ids, and whether it is the same fact: one row for each that is there.
-- jsonb is compared as jsonb, so neither the order of keys nor the spelling of a number matters.
select
    given.place,
    log.id,
    (log.timestamp, log.event_type, log.user_id, log.action, log.target, log.metadata, log.source)
        is not distinct from
    (given.timestamp, given.event_type, given.user_id, given.action, given.target, given.metadata::jsonb, given.source)
        as same,
    log.id <= coalesce(
        (
            select last_position from retracted_range where first_position <= log.id
            order by first_position desc limit 1
        ),
        0
    ) as retracted
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
cross join lateral (
    select * from webhook_audit_log where webhook_audit_log.event_id = given.event_id
    offset 0
) as log
order by given.place
