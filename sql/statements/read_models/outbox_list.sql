select
    id, projection, version, effect, position, number, user_id, sink, type, data, state, attempts, due_at, error, frames,
    created_at
from effect_outbox
where (%(ids)s::bigint[] is null or id = any(%(ids)s))
  and (%(states)s::text[] is null or state = any(%(states)s))
  and (%(sink)s::text is null or sink = %(sink)s)
  and (%(projection)s::text is null or projection = %(projection)s)
order by id
limit %(limit)s
