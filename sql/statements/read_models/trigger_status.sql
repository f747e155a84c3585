select
    checkpoint.state,
    (
        select tgenabled <> 'D'
        from pg_trigger
        where tgrelid = 'webhook_audit_log'::regclass
          and tgname = 'trigger_sync_current_roles'
    ) as enabled,
    period.after_position,
    case when period.after_position is not null then (
        select performed_at from ledger_operation where kind = 'trigger enable' order by id desc limit 1
    ) end as since,
    case when period.after_position is not null then (
        select count(*) from webhook_audit_log where id > period.after_position
    ) end as events,
    (select count(*) from projection_failure as failure where (failure.projection, failure.version) = (checkpoint.projection, checkpoint.version)) as parked
from projection_checkpoint as checkpoint
left join trigger_period as period on period.upto_position is null
where checkpoint.projection = %(projection)s
  and checkpoint.active
