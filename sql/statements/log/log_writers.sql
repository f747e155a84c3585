-- Every transaction that may hold an id of the log which nobody sees yet, with what is known of it.
-- One call of pg_locks, so one picture of them all. A prepared transaction has no pid; its gid is found by its xid.
with locks as materialized (
    select locktype, database, relation, transactionid, mode, granted, virtualtransaction, pid from pg_locks
)
select distinct
    writer.virtualtransaction,
    writer.pid,
    prepared.gid,
    coalesce(prepared.prepared, activity.xact_start) as since
from locks as writer
left join pg_stat_activity as activity on activity.pid = writer.pid
left join locks as own_xid
    on writer.pid is null
    and own_xid.pid is null
    and own_xid.locktype = 'transactionid'
    and own_xid.granted
    and own_xid.virtualtransaction = writer.virtualtransaction
left join pg_prepared_xacts as prepared on prepared.transaction = own_xid.transactionid
where writer.locktype = 'relation'
  and writer.database = (select oid from pg_database where datname = current_database())
  and writer.relation = 'webhook_audit_log'::regclass
  and writer.mode = 'RowExclusiveLock'
  and writer.granted
