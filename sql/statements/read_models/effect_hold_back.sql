insert into effect_held_back as held (projection, version, effect, reason, events)
select %(projection)s, %(version)s, *
from unnest(%(effects)s::text[], %(reasons)s::text[], %(events)s::bigint[])
on conflict (projection, version, effect, reason) do update
set events = held.events + excluded.events
