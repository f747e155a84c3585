-- Also where session_replication_role = replica switches ordinary triggers off.
alter table webhook_audit_log enable always trigger trigger_sync_current_roles
