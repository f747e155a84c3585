insert into projection_frontier (projection, version, user_id, occurred_at, position)
select %(projection)s, %(version)s, *
from unnest(%(user_ids)b::text[], %(occurred_at)b::timestamptz[], %(positions)b::bigint[])
on conflict (projection, version, user_id) do update
set occurred_at = excluded.occurred_at,
    position = excluded.position
