-- The trigger as the maintainer of "members" in the runner's place, and the SQL canon. Cost on a large table: none.
alter table projection_checkpoint drop constraint projection_checkpoint_state_check;
alter table projection_checkpoint add constraint projection_checkpoint_state_check
    check (state in ('running', 'paused', 'rebuilding', 'failed', 'trigger'));
comment on column projection_checkpoint.state is
    'trigger: not a runner, but the trigger on the log keeps the rows, of everything that is committed; position and passed are of the time before';

create table trigger_member (
    user_id varchar(100) collate "C" primary key,
    folds bigint not null default 1
) with (fillfactor = 50);
comment on table trigger_member is
    'in trigger mode: a member is held here before anything is read of it, and counted, so that a snapshot that is too old is noticed';

create table trigger_period (
    after_position bigint primary key,
    upto_position bigint check (upto_position >= after_position)
);
comment on table trigger_period is
    'positions in (after_position, upto_position] were folded by the trigger, as they were appended; open while it is on';
create unique index trigger_period_open on trigger_period ((true)) where upto_position is null;

create table ledger_canon (
    one boolean primary key default true check (one),
    checksum text not null,
    installed_at timestamptz not null default clock_timestamp()
);
comment on table ledger_canon is 'which text of the SQL canon is installed';

-- Never both: the runner leaves "members" alone exactly while the trigger is there.
create function refuse_a_second_maintainer() returns trigger language plpgsql as $$
begin
    if (new.state = 'trigger') is distinct from exists (
        select
        from pg_trigger
        where tgrelid = 'webhook_audit_log'::regclass
          and tgname = 'trigger_sync_current_roles'
          and tgenabled <> 'D'
    ) then
        raise exception 'projection % is kept by the trigger, or by the runner, and never by both', new.projection
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'run: temple trigger enable, or: temple trigger disable';
    end if;
    return new;
end
$$;

create trigger one_maintainer
    before update of state on projection_checkpoint
    for each row
    when (new.projection = 'members' and old.state <> new.state)
    execute function refuse_a_second_maintainer();
alter table projection_checkpoint enable always trigger one_maintainer;

create or replace view webhook_audit_trail as
select
    log.id,
    log.event_id,
    log.timestamp,
    log.event_type,
    log.user_id,
    log.action,
    log.target,
    log.metadata,
    log.source,
    case
        when exists (
            select from projection_failure as failure
            where failure.projection = 'members'
              and failure.user_id = log.user_id
              and failure.position <= log.id
        ) then null
        when exists (
            select from trigger_period as period
            where period.after_position < log.id
              and (period.upto_position is null or log.id <= period.upto_position)
        ) then log.recorded_at
        else (
            select batch.committed_at
            from projection_batch as batch
            where batch.projection = 'members'
              and batch.last_position >= log.id
            order by batch.last_position
            limit 1
        )
    end as processed_at,
    log.recorded_at
from webhook_audit_log as log;
comment on view webhook_audit_trail is
    'the log with processed_at: when "members" first folded the event; exact for an hour, later to the minute';

grant select, insert, update, delete on trigger_member to temple_project;
grant select on trigger_member, trigger_period, ledger_canon to temple_append, temple_project, temple_read;
