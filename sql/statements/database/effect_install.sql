-- That of a version which readers do not see raises nothing until a switch gives it the start anew.
insert into effect (projection, version, name, start_position)
select %(projection)s, %(version)s, %(name)s, coalesce(max(id), 0)
from webhook_audit_log
on conflict (projection, version, name) do nothing
returning name
