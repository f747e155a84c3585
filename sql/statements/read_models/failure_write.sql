-- A member who is parked at another event now: what was due of it stays due.
insert into projection_failure (projection, version, position, user_id, error, kind, frames, raises_after)
select
    %(projection)s::varchar,
    %(version)s::integer,
    parked.*,
    (
        select former.raises_after from projection_failure as former
        where former.projection = %(projection)s::varchar
          and former.version = %(version)s::integer
          and former.user_id = parked.user_id
          and former.raises_after is not null
        limit 1
    )
from unnest(
    %(positions)b::bigint[], %(user_ids)b::text[], %(errors)b::text[], %(kinds)b::text[], %(frames)b::text[]
) as parked (position, user_id, error, kind, frames)
on conflict (projection, version, position) do update
set error = excluded.error,
    kind = excluded.kind,
    frames = excluded.frames,
    attempts = projection_failure.attempts + 1
