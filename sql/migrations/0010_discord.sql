-- Snapshots of the sources, and what was last observed of a guild. Cost on a large table: they are empty here.
create table snapshot (
    id uuid primary key,
    source varchar(50) collate "C" not null check (source <> ''),
    started_at timestamptz not null,
    finished_at timestamptz,
    complete boolean not null default false,
    note text,
    members bigint not null default 0,
    known bigint not null default 0,
    at_risk bigint not null default 0,
    differences jsonb not null default '{}',
    applied_at timestamptz,
    applied_by varchar(100)
);
create index snapshot_of_source on snapshot (source, started_at);
comment on column snapshot.complete is 'every member was seen; only then is a member who was not seen gone';
comment on column snapshot.note is 'why it is not complete';
comment on column snapshot.members is 'how many the source has';
comment on column snapshot.known is 'how many the ledger knew as present';
comment on column snapshot.at_risk is 'how many of them would depart, or lose something they hold';
comment on column snapshot.differences is 'how many of each class';

create table snapshot_finding (
    snapshot uuid not null references snapshot (id) on delete cascade,
    number bigint not null,
    user_id varchar(100) collate "C" not null,
    observed jsonb,
    loses boolean not null,
    differences jsonb not null,
    settled_at timestamptz,
    primary key (snapshot, number)
);
create index snapshot_finding_open on snapshot_finding (snapshot, number) where settled_at is null;
comment on table snapshot_finding is 'members who are not what the ledger holds: ids and numbers, no names of people';
comment on column snapshot_finding.observed is 'what the source says, as the source''s own code reads it; null: not there';
comment on column snapshot_finding.settled_at is 'when its events were appended, or it was found to be out of date';

create table ledger_guild (
    only_one boolean primary key default true check (only_one),
    guild_id varchar(20) collate "C" not null,
    since timestamptz not null
);
comment on table ledger_guild is 'the one guild of this ledger';

-- What the source last said, not what the ledger concluded: the derived tables lag, and are no place to compare with.
create table discord_member (
    user_id varchar(20) collate "C" primary key,
    present boolean not null,
    joined_at timestamptz,
    roles text[] not null default '{}',
    last_event_at timestamptz,
    seen_at timestamptz,
    observed_at timestamptz
) with (fillfactor = 80);
-- ids as numbers, the order in which Discord pages them
create index discord_member_by_number on discord_member (length(user_id), user_id);
create index discord_member_by_role on discord_member using gin (roles) with (fastupdate = off);
comment on column discord_member.joined_at is 'when the stay began that goes on, or that ended last';
comment on column discord_member.last_event_at is 'the time of the last event that was derived: the next one is later';
comment on column discord_member.seen_at is 'when the last frame about the member was received';
comment on column discord_member.observed_at is 'when a frame or a snapshot told what is known here';

create table discord_role (
    role_id varchar(20) collate "C" primary key,
    name varchar(200) not null,
    deleted_at timestamptz,
    ended boolean not null default false
);
create index discord_role_to_end on discord_role (role_id) where deleted_at is not null and not ended;
comment on column discord_role.ended is 'no member holds the deleted role any more';

create table discord_attribution (
    entry_id varchar(20) collate "C" not null,
    user_id varchar(20) collate "C" not null default '',
    direction varchar(10) collate "C" not null check (direction in ('add', 'remove', 'leave', 'delete')),
    role_id varchar(20) collate "C" not null default '',
    actor varchar(20) collate "C",
    reason varchar(512),
    how varchar(10),
    at timestamptz not null,
    heard_at timestamptz,
    session varchar(100) collate "C",
    used_by uuid,
    closed boolean not null default false,
    primary key (entry_id, direction, role_id)
);
create index discord_attribution_open on discord_attribution (user_id, entry_id)
    where used_by is null and not closed;
comment on table discord_attribution is 'who did what, says the audit log: each entry and role explains one change';
create index discord_attribution_of_role on discord_attribution (role_id) where direction = 'delete';
create index discord_attribution_by_time on discord_attribution (at);
comment on column discord_attribution.user_id is 'whose role or stay it is; empty where a role was deleted';
comment on column discord_attribution.heard_at is 'null: never heard from the gateway, only read back';
comment on column discord_attribution.closed is 'without effect: nothing that was observed leaves a place for it';

create table discord_change (
    key varchar(200) collate "C" primary key,
    user_id varchar(20) collate "C" not null,
    direction varchar(10) collate "C" not null,
    role_id varchar(20) collate "C" not null default '',
    at timestamptz not null,
    received_at timestamptz not null
);
create index discord_change_of_member on discord_change (user_id, direction, role_id, received_at);
create index discord_change_by_time on discord_change (received_at);
comment on column discord_change.key is 'what the id of its event is made of';
comment on table discord_change is 'changes that were recorded before anybody said who made them';

create table discord_session (
    session_id varchar(100) collate "C" primary key,
    begun_at timestamptz not null,
    last_sequence bigint not null default 0,
    last_received_at timestamptz not null,
    resumed integer not null default 0,
    ended_at timestamptz,
    how varchar(200)
);
create index discord_session_by_time on discord_session (begun_at);
comment on table discord_session is 'sessions of the gateway; between the end of one and the beginning of the next frames were lost';

create table discord_feed (
    only_one boolean primary key default true check (only_one),
    session varchar(100) collate "C",
    whole_since timestamptz,
    last_received_at timestamptz,
    read_back_to varchar(20) collate "C",
    caught_up_at timestamptz
);
insert into discord_feed default values;
comment on column discord_feed.whole_since is 'since when no frame is missing: the session began then, or the guild came back';
comment on column discord_feed.read_back_to is 'the greatest entry of the audit log that was read over REST, and all before it';
comment on column discord_feed.caught_up_at is 'when a snapshot was last applied';

grant select, insert, update, delete on
    snapshot, snapshot_finding, ledger_guild, discord_member, discord_role, discord_attribution, discord_change,
    discord_session, discord_feed
    to temple_append;
grant select on
    snapshot, snapshot_finding, ledger_guild, discord_member, discord_role, discord_attribution, discord_change,
    discord_session, discord_feed
    to temple_read, temple_project;
