-- Why a member is parked, and where its author's code raised. Cost on a large table: none, no row is rewritten (the
-- defaults are constants, and the tables hold parked members only).
alter table projection_failure
    add column kind varchar(20) collate "C" not null default 'event'
        check (kind in ('event', 'version', 'time', 'long')),
    add column frames text;
comment on column projection_failure.kind is
    'event: it cannot be folded; version: it is newer than the process that met it; time: the fold took too long; long: the member''s history is too long for a step, and is folded beside it';
comment on column projection_failure.frames is
    'the last frames of an exception of the projection''s author: file, line, function, one to a line';

alter table projection_rebuild_failure
    add column kind varchar(20) collate "C" not null default 'event',
    add column frames text;

alter table projection_checkpoint add column parks_freely boolean not null default false;
comment on column projection_checkpoint.parks_freely is
    'somebody resumed it with --park: however many members are parked for one reason, it goes on';
