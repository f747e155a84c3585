-- All tables of ours, but for those that have functions of their own.
select relname::text
from pg_class
where relkind = 'r'
  and relnamespace = 'public'::regnamespace
  and relowner = 'temple_owner'::regrole
  and relname not in ('webhook_audit_log', 'inbox', 'erasure', 'erased_position', 'ledger_migration')
order by relname
