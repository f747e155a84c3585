insert into feed_change (projection, version, position, operation, user_id, before, after)
select %(projection)s, %(version)s, position, 0, user_id, before::jsonb, after::jsonb
from unnest(%(positions)s::bigint[], %(user_ids)s::text[], %(before)s::text[], %(after)s::text[])
    as changed (position, user_id, before, after)
