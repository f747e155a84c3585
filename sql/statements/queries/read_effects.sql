-- Each effect with what became of its events and messages.
select
    effect.projection,
    effect.version,
    effect.name,
    effect.start_position,
    coalesce(held.events, 0) as held_back,
    coalesce(held.reasons, '{}') as reasons,
    coalesce(outbox.waiting, 0) as waiting,
    coalesce(outbox.failed, 0) as failed,
    coalesce(outbox.parked, 0) as parked
from effect
left join (
    select projection, version, effect, sum(events)::bigint as events, jsonb_object_agg(reason, events) as reasons
    from effect_held_back
    group by projection, version, effect
) as held on held.projection = effect.projection and held.version = effect.version and held.effect = effect.name
left join (
    select
        projection, version, effect,
        count(*) filter (where state = 'waiting') as waiting,
        count(*) filter (where state = 'failed') as failed,
        count(*) filter (where state = 'parked') as parked
    from effect_outbox
    where state in ('waiting', 'failed', 'parked')
    group by projection, version, effect
) as outbox on outbox.projection = effect.projection and outbox.version = effect.version and outbox.effect = effect.name
order by effect.projection, effect.version, effect.name
