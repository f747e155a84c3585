select tgname::text
from pg_trigger
where tgrelid = 'webhook_audit_log'::regclass
  and not tgisinternal
  and tgname not in ('webhook_audit_log_is_append_only', 'webhook_audit_log_stays_the_same_fact')
  and not (
      tgname = 'trigger_sync_current_roles'
      and (
          tgenabled = 'D'
          or exists (select from projection_checkpoint where projection = 'members' and state = 'trigger')
      )
  )
order by tgname
