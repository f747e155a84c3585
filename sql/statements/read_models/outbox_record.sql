with delivered as (
    update effect_outbox
    set state = 'delivered',
        attempts = attempts + 1,
        error = null,
        ended_at = clock_timestamp()
    where id = any(%(delivered)s::bigint[])
      and state = 'waiting'
)
update effect_outbox as entry
set attempts = attempts + 1,
    error = failed.error,
    state = case when failed.parked then 'parked' else 'waiting' end,
    due_at = clock_timestamp() + make_interval(secs => failed.delay)
from unnest(
    %(failed)s::bigint[], %(errors)s::text[], %(parked)s::boolean[], %(delays)s::double precision[]
) as failed (id, error, parked, delay)
where entry.id = failed.id
  and entry.state = 'waiting'
