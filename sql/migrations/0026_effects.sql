-- Effects: which there are, the outbox in which a step puts what they send, and the sinks that it goes to. Cost on a
-- large table: none, they are empty here.
create table effect (
    projection varchar(63) collate "C" not null,
    version integer not null,
    name varchar(63) collate "C" not null,
    start_position bigint not null,
    installed_at timestamptz not null default clock_timestamp(),
    primary key (projection, version, name)
);
comment on column effect.start_position is 'the head of the log when it was installed: events at or before it raise none';

create table effect_held_back (
    projection varchar(63) collate "C" not null,
    version integer not null,
    effect varchar(63) collate "C" not null,
    reason varchar(40) collate "C" not null,
    events bigint not null,
    primary key (projection, version, effect, reason)
);
comment on table effect_held_back is 'how many events raised no effect, and why: old ones, imports, snapshots, replays';

create table effect_outbox (
    id bigint generated always as identity primary key,
    projection varchar(63) collate "C" not null,
    version integer not null,
    lane smallint not null default -1 check (lane between -1 and 15),
    position bigint not null,
    effect varchar(63) collate "C" not null,
    number integer not null,
    user_id varchar(100) collate "C" not null,
    occurred_at timestamptz,
    sink varchar(63) collate "C",
    type varchar(100),
    data jsonb,
    state varchar(10) collate "C" not null default 'waiting'
        check (state in ('waiting', 'failed', 'parked', 'delivered', 'skipped')),
    attempts integer not null default 0,
    due_at timestamptz not null default clock_timestamp(),
    error text,
    frames text,
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    unique (projection, version, position, effect, number),
    check ((sink is null) = (data is null)),
    check (state in ('failed', 'skipped') or sink is not null)
) with (fillfactor = 80);
comment on table effect_outbox is
    'messages that follow from changes; waiting: to be delivered; failed: the function raised; parked: the sink refused';
create index effect_outbox_waiting on effect_outbox (sink, id) where state = 'waiting';
create index effect_outbox_tried on effect_outbox (sink, user_id, id) where state = 'waiting' and attempts > 0;
create index effect_outbox_attention on effect_outbox (id) where state in ('failed', 'parked');
create index effect_outbox_ended on effect_outbox (ended_at) where state in ('delivered', 'skipped');

create table effect_sink (
    sink varchar(63) collate "C" primary key,
    holder uuid,
    backend_pid integer,
    expires_at timestamptz,
    delivered bigint not null default 0,
    delivered_at timestamptz,
    failing_since timestamptz,
    error text
) with (fillfactor = 50);
comment on table effect_sink is 'where messages go: who delivers there until when, how many were delivered, and what fails';

grant select, insert, update, delete on effect_outbox to temple_project;
grant select, insert, update on effect, effect_held_back to temple_project;
grant select, update, delete on effect_outbox to temple_deliver;
grant select, insert, update on effect_sink to temple_deliver;
grant select on effect, effect_held_back to temple_deliver;
grant select on effect, effect_held_back, effect_outbox, effect_sink to temple_append, temple_project, temple_read;
