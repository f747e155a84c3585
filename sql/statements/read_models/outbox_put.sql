insert into effect_outbox (
    projection, version, effect, position, number, user_id, occurred_at, sink, type, data, state, error, frames
)
select
    %(projection)s, %(version)s, effect, position, number, user_id, occurred_at, sink, type, data::jsonb,
    case when data is null then 'failed' else 'waiting' end, error, frames
from unnest(
    %(effects)s::text[], %(positions)s::bigint[], %(numbers)s::integer[], %(user_ids)s::text[],
    %(occurred_at)s::timestamptz[], %(sinks)s::text[], %(types)s::text[], %(data)s::text[], %(errors)s::text[],
    %(frames)s::text[]
) as sent (effect, position, number, user_id, occurred_at, sink, type, data, error, frames)
on conflict (projection, version, position, effect, number) do nothing
