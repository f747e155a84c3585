insert into projection_failure (projection, version, position, user_id, error, kind, frames)
select %(projection)s, %(version)s, *
from unnest(
    %(positions)b::bigint[], %(user_ids)b::text[], %(errors)b::text[], %(kinds)b::text[], %(frames)b::text[]
)
on conflict (projection, version, position) do update
set error = excluded.error,
    kind = excluded.kind,
    frames = excluded.frames,
    attempts = projection_failure.attempts + 1
