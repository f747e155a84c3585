-- Of a version that readers see: one that is built beside it raises nothing until it takes over.
insert into effect (projection, version, name, start_position)
select projection, version, %(name)s, coalesce((select max(id) from webhook_audit_log), 0)
from projection_checkpoint
where projection = %(projection)s and version = %(version)s and active
limit 1
on conflict (projection, version, name) do nothing
returning name
