-- Of the version that readers see: another one raises nothing.
select effect.name, effect.start_position
from effect
join projection_checkpoint as checkpoint using (projection, version)
where effect.projection = %(projection)s
  and effect.version = %(version)s
  and checkpoint.active
