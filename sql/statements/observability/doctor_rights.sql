-- role, what, whether it may, whether it should
select role, 'append to the log', has_column_privilege(role, 'webhook_audit_log', 'event_id', 'insert'), role = 'temple_append'
from unnest(array['temple_append', 'temple_project', 'temple_read']) as role
union all
select role, 'say when the log took an event', has_column_privilege(role, 'webhook_audit_log', 'recorded_at', 'insert'), false
from unnest(array['temple_append', 'temple_project', 'temple_read']) as role
union all
select role, 'read the log', has_table_privilege(role, 'webhook_audit_log', 'select'), true
from unnest(array['temple_append', 'temple_project', 'temple_read']) as role
union all
select role, 'write the derived tables', has_table_privilege(role, 'temple_member_status', 'insert'), role = 'temple_project'
from unnest(array['temple_append', 'temple_project', 'temple_read']) as role
union all
select role, 'move a checkpoint', has_table_privilege(role, 'projection_checkpoint', 'update'), role = 'temple_project'
from unnest(array['temple_append', 'temple_project', 'temple_read']) as role
union all
select role, 'be logged in as', rolcanlogin, false
from pg_roles
join unnest(array['temple_owner', 'temple_append', 'temple_project', 'temple_read']) as role on rolname = role
