-- The keys of what is stored of a projection: its name, the version of its rules, and the lane. Rows of today keep the
-- version that their checkpoint has. Cost on a large table: the primary keys of the frontiers and of the journal are
-- built anew, which takes some seconds for a million members; no row is rewritten where the version is 1. Runners wait
-- meanwhile, appends do not but in trigger mode.
--
-- A runner of the code before works by other keys: without its lease it stores nothing more.
delete from projection_lease;

alter table projection_checkpoint
    add column lane smallint not null default -1 check (lane between -1 and 15),
    add column active boolean not null default false,
    drop constraint projection_checkpoint_pkey,
    add primary key (projection, version, lane);
update projection_checkpoint set active = true, epoch = epoch + 1;
create unique index projection_checkpoint_active on projection_checkpoint (projection, lane) where active;
comment on column projection_checkpoint.lane is 'the share of the members that it is about; -1: all of them';
comment on column projection_checkpoint.active is 'its tables have the names that are declared: it is the version that readers see';

alter table projection_lease
    add column version integer not null,
    add column lane smallint not null default -1 check (lane between -1 and 15),
    drop constraint projection_lease_pkey,
    add primary key (projection, version, lane);

alter table projection_batch
    add column version integer not null default 1,
    add column first_lane smallint not null default -1 check (first_lane between -1 and 15),
    add column last_lane smallint not null default -1 check (last_lane between first_lane and 15);
alter table projection_frontier add column version integer not null default 1;
alter table projection_failure add column version integer not null default 1;
alter table verification add column version integer not null default 1;
alter table verification_round add column version integer not null default 1;
do $$
declare
    name text;
begin
    foreach name in array array[
        'projection_batch', 'projection_frontier', 'projection_failure', 'verification', 'verification_round'
    ] loop
        execute format(
            'update %I as stored set version = checkpoint.version from projection_checkpoint as checkpoint '
            'where checkpoint.projection = stored.projection and checkpoint.version <> 1',
            name
        );
        execute format('alter table %I alter column version drop default', name);
    end loop;
end
$$;
alter table projection_batch
    drop constraint projection_batch_pkey,
    add primary key (projection, version, first_lane, last_lane, last_position);
alter table projection_frontier
    drop constraint projection_frontier_pkey,
    add primary key (projection, version, user_id);
alter table projection_failure
    drop constraint projection_failure_pkey,
    add primary key (projection, version, position);
alter table verification_round
    drop constraint verification_round_pkey,
    add primary key (projection, version);

-- A replay that goes on, or was killed, begins anew.
delete from projection_rebuild;
delete from projection_rebuild_range;
delete from projection_rebuild_frontier;
delete from projection_rebuild_failure;
alter table projection_rebuild
    add column lane smallint not null default -1 check (lane between -1 and 15),
    drop constraint projection_rebuild_pkey,
    add primary key (projection, version, lane);
alter table projection_rebuild_range
    add column version integer not null,
    add column lane smallint not null default -1 check (lane between -1 and 15),
    drop constraint projection_rebuild_range_pkey,
    add primary key (projection, version, lane, number);
alter table projection_rebuild_frontier
    add column version integer not null,
    drop constraint projection_rebuild_frontier_pkey,
    add primary key (projection, version, user_id);
alter table projection_rebuild_failure
    add column version integer not null,
    drop constraint projection_rebuild_failure_pkey,
    add primary key (projection, version, position);

-- Only the version that readers see is kept by the trigger or by a runner; another one is a runner's alone.
create or replace trigger one_maintainer
    before update of state on projection_checkpoint
    for each row
    when (new.projection = 'members' and new.active and old.state <> new.state)
    execute function refuse_a_second_maintainer();
alter table projection_checkpoint enable always trigger one_maintainer;

-- The first folding by any version counts, also by one that is dropped: which versions the journal has is found by one
-- look into its index for each.
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
              and failure.version = (
                  select max(version) from projection_checkpoint where projection = 'members' and active
              )
              and failure.user_id = log.user_id
              and failure.position <= log.id
        ) then null
        when exists (
            select from trigger_period as period
            where period.after_position < log.id
              and (period.upto_position is null or log.id <= period.upto_position)
        ) then log.recorded_at
        else (
            with recursive journaled (version) as (
                select min(version) from projection_batch where projection = 'members'
                union all
                select (
                    select min(batch.version) from projection_batch as batch
                    where batch.projection = 'members' and batch.version > journaled.version
                )
                from journaled
                where journaled.version is not null
            )
            select min(folded.committed_at)
            from journaled
            cross join lateral (
                select batch.committed_at
                from projection_batch as batch
                where batch.projection = 'members'
                  and batch.version = journaled.version
                  and batch.first_lane = -1
                  and batch.last_lane = -1
                  and batch.last_position >= log.id
                order by batch.last_position
                limit 1
            ) as folded
        )
    end as processed_at,
    log.recorded_at
from webhook_audit_log as log;
comment on view webhook_audit_trail is
    'the log with processed_at: when "members" first folded the event; exact for an hour, later to the minute';
