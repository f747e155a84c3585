-- As effect_starts has them; and from where on the member's events are due who was parked at a switch.
select effect.name, effect.start_position, (failure.raises_after ->> effect.name)::bigint
from effect
join projection_checkpoint as checkpoint using (projection, version)
left join projection_failure as failure
    on (failure.projection, failure.version) = (effect.projection, effect.version)
    and failure.user_id = %(user_id)s
    and failure.raises_after is not null
where effect.projection = %(projection)s
  and effect.version = %(version)s
  and checkpoint.active
