-- What verifying found, and who was looked at when. Cost on a large table: they are empty here.
create table verification (
    id bigint generated always as identity primary key,
    projection varchar(63) collate "C" not null,
    kind varchar(20) not null check (kind in ('full', 'since last')),
    position bigint not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    members bigint not null,
    touched bigint not null default 0,
    drifts bigint not null,
    drifted_members bigint not null,
    parked bigint not null,
    passed bigint not null,
    in_log bigint,
    listed jsonb not null default '[]'
);
create index on verification (projection, id);
comment on column verification.members is 'how many members (of a tally: keys) were compared';
comment on column verification.touched is 'of them, those with events since the last verified position';
comment on column verification.in_log is 'how many events the log has at or before position; null where nobody counted';

create table verification_round (
    projection varchar(63) collate "C" primary key,
    verified_position bigint not null default 0,
    next_user varchar(100) collate "C",
    began_at timestamptz not null default clock_timestamp(),
    completed_at timestamptz
);
comment on table verification_round is
    'the rolling share: members up to next_user were compared since began_at; all of them by completed_at';

grant select, insert, delete on verification to temple_project;
grant select, insert, update on verification_round to temple_project;
grant select on verification, verification_round to temple_read, temple_append;
