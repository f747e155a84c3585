-- All tables of ours, but for those that have functions of their own, and for those of rollups, which follow theirs.
select relname::text
from pg_class
where relkind = 'r'
  and relnamespace = 'public'::regnamespace
  and relowner = 'temple_owner'::regrole
  and not exists (
      select from projection_rollup as rollup
      where starts_with(relname::text, 'rollup_' || rollup.name || '_v' || rollup.version)
  )
  and relname not in (
      'webhook_audit_log', 'inbox', 'erasure', 'erased_position', 'ledger_migration', 'feed_change'
  )
order by relname
