-- Resets stand behind all changes up to the checkpoint, in the order of the operations.
with operation as materialized (
    select nextval('feed_operation') as number
)
insert into feed_change (projection, version, position, operation, user_id, after)
select %(projection)s, %(version)s, %(position)s, operation.number, reset.user_id, reset.after::jsonb
from operation
cross join unnest(%(user_ids)s::text[], %(after)s::text[]) as reset (user_id, after)
