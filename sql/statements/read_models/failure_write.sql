insert into projection_failure (projection, position, user_id, error)
select %(projection)s, *
from unnest(%(positions)b::bigint[], %(user_ids)b::text[], %(errors)b::text[])
on conflict (projection, position) do update
set error = excluded.error,
    attempts = projection_failure.attempts + 1
