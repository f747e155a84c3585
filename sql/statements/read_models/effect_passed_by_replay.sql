insert into effect_held_back as held (projection, version, effect, reason, events)
select effect.projection, effect.version, effect.name, %(reason)s, count(*)
from effect
join webhook_audit_log as log on log.id > greatest(effect.start_position, %(after)s) and log.id <= %(upto)s
join unnest(%(event_types)s::text[], %(actions)s::text[]) as known (event_type, action)
    on known.event_type = log.event_type and known.action = log.action
where effect.projection = %(projection)s and effect.version = %(version)s
group by effect.projection, effect.version, effect.name
on conflict (projection, version, effect, reason) do update
set events = held.events + excluded.events
