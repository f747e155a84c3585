-- Of the version that readers see, or will see once its tables are filled: one that is built beside it raises nothing until
-- it takes over.
insert into effect (projection, version, name, start_position)
select projection, %(version)s, %(name)s, coalesce((select max(id) from webhook_audit_log), 0)
from projection_checkpoint
where projection = %(projection)s and version in (%(version)s, 0) and active
limit 1
on conflict (projection, version, name) do nothing
returning name
