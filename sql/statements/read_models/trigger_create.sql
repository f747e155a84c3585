create or replace trigger trigger_sync_current_roles
    after insert on webhook_audit_log
    referencing new table as appended
    for each statement execute function sync_current_roles()
