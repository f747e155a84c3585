-- What the runner knows about each projection. Cost on a large table: they are empty here.
create table projection_checkpoint (
    projection varchar(63) collate "C" primary key,
    version integer not null,
    position bigint not null default 0,
    epoch bigint not null default 1,
    passed bigint not null default 0,
    counted bigint not null default 0,
    state varchar(20) not null default 'running'
        check (state in ('running', 'paused', 'rebuilding', 'failed')),
    reason text,
    updated_at timestamptz not null default clock_timestamp()
) with (fillfactor = 10);
comment on column projection_checkpoint.position is 'the last position that is folded into the rows';
comment on column projection_checkpoint.epoch is 'raised by whoever else changes rows or position: what was computed before is void';
comment on column projection_checkpoint.passed is 'how many events stand at or before position, as they were read';
comment on column projection_checkpoint.counted is 'of a tally: how many of them it counted';

create table projection_lease (
    projection varchar(63) collate "C" primary key,
    holder uuid not null,
    description text not null,
    backend_pid integer not null,
    acquired_at timestamptz not null,
    renewed_at timestamptz not null,
    expires_at timestamptz not null
) with (fillfactor = 10);

create table projection_batch (
    projection varchar(63) collate "C" not null,
    last_position bigint not null,
    events bigint not null,
    committed_at timestamptz not null,
    primary key (projection, last_position)
);
comment on table projection_batch is 'the journal of committed batches; rows older than an hour are merged to one a minute';

create table projection_frontier (
    projection varchar(63) collate "C" not null,
    user_id varchar(100) collate "C" not null,
    occurred_at timestamptz not null,
    position bigint not null,
    primary key (projection, user_id)
) with (fillfactor = 80);
comment on table projection_frontier is 'the greatest (timestamp, position) folded for a member: what is smaller comes late';

create table projection_failure (
    projection varchar(63) collate "C" not null,
    position bigint not null,
    user_id varchar(100) collate "C" not null,
    error text not null,
    attempts integer not null default 1,
    parked_at timestamptz not null default clock_timestamp(),
    primary key (projection, position)
);
create index on projection_failure (user_id);

create table skipped_position (
    projection varchar(63) collate "C" not null,
    position bigint not null,
    user_id varchar(100) collate "C" not null,
    skipped_by text not null,
    reason text not null,
    skipped_at timestamptz not null default clock_timestamp(),
    primary key (projection, position)
);

create table ledger_operation (
    id bigint generated always as identity primary key,
    kind varchar(30) not null,
    projection varchar(63) collate "C",
    performed_by text not null,
    reason text,
    performed_at timestamptz not null default clock_timestamp(),
    details jsonb not null default '{}'
);
comment on table ledger_operation is 'the operations journal: replays, repairs, pauses, skips and switches, by whom and why';

grant select, insert, update, delete
    on projection_checkpoint, projection_lease, projection_batch, projection_frontier, projection_failure
    to temple_project;
grant select, insert on skipped_position, ledger_operation to temple_project;
grant select
    on projection_checkpoint, projection_lease, projection_batch, projection_frontier, projection_failure,
       skipped_position, ledger_operation
    to temple_read, temple_append;
