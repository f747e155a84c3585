-- What members wait for who are parked in the former version alone: the one that gets the names has folded it already.
insert into effect_held_back as held (projection, version, effect, reason, events)
select effect.projection, effect.version, effect.name, %(reason)s, count(*)
from projection_failure as former
join effect as before on (before.projection, before.version) = (former.projection, former.version)
join effect on (effect.projection, effect.version, effect.name) = (before.projection, %(version)s, before.name)
join webhook_audit_log as log
    on log.user_id = former.user_id
    and log.id > coalesce(
        (former.raises_after ->> before.name)::bigint, greatest(before.start_position, former.position - 1)
    )
    and log.id <= %(position)s
where former.projection = %(projection)s
  and former.version = %(old)s
  and not exists (
      select from projection_failure as failure
      where failure.projection = former.projection
        and failure.version = %(version)s
        and failure.user_id = former.user_id
  )
group by effect.projection, effect.version, effect.name
on conflict (projection, version, effect, reason) do update
set events = held.events + excluded.events
