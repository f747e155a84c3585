-- Whether the trigger is there and fires.
select exists (
    select
    from pg_trigger
    where tgrelid = 'webhook_audit_log'::regclass
      and tgname = 'trigger_sync_current_roles'
      and tgenabled <> 'D'
)
