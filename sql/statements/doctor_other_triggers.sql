select tgname::text
from pg_trigger
where tgrelid = 'webhook_audit_log'::regclass
  and not tgisinternal
  and tgname <> 'webhook_audit_log_is_append_only'
order by tgname
