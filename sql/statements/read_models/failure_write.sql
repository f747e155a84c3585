insert into projection_failure (projection, position, user_id, error, kind, frames)
select %(projection)s, *
from unnest(
    %(positions)b::bigint[], %(user_ids)b::text[], %(errors)b::text[], %(kinds)b::text[], %(frames)b::text[]
)
on conflict (projection, position) do update
set error = excluded.error,
    kind = excluded.kind,
    frames = excluded.frames,
    attempts = projection_failure.attempts + 1
