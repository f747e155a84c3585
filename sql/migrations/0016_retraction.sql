-- Imports with the positions that are theirs, and retraction: positions of the log that every projection leaves out.
-- Cost on a large table: none, the tables are empty here and views are only defined. Imports from before are not listed:
-- whose positions were whose was not written down.
create table log_import (
    id bigint generated always as identity primary key,
    file text not null,
    imported_by text not null,
    login text not null default session_user,
    began_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    closed boolean not null default false
);
comment on column log_import.file is 'the name of the file, without its folder';
comment on column log_import.finished_at is 'null: it goes on, or was interrupted';
comment on column log_import.closed is 'it was retracted: what still runs of it is refused';

create table log_import_range (
    first_position bigint primary key,
    last_position bigint not null check (last_position >= first_position),
    import bigint not null references log_import
);
create index log_import_range_of_import on log_import_range (import, first_position);
comment on table log_import_range is
    'exactly the positions that an import added, written in the transaction that added them';

create table log_retraction (
    id bigint generated always as identity primary key,
    import bigint references log_import,
    reason text not null,
    retracted_by text not null,
    login text not null default session_user,
    retracted_at timestamptz not null default clock_timestamp()
);

create table retracted_range (
    first_position bigint primary key,
    last_position bigint not null check (last_position >= first_position),
    retraction bigint not null references log_retraction
);
comment on table retracted_range is
    'positions that every projection leaves out; no two ranges overlap, so the nearest one at or before a position decides';

grant select on log_import, log_import_range, log_retraction, retracted_range
    to temple_append, temple_project, temple_read;
grant insert (file, imported_by), update (finished_at) on log_import to temple_append;
grant insert on log_import_range to temple_append;
grant update (closed) on log_import to temple_project;
grant insert (import, reason, retracted_by) on log_retraction to temple_project;
grant insert, delete on retracted_range to temple_project;

create or replace view discord_role_directory as
with role_event as not materialized (
    select log.id, log.timestamp, log.action, log.target, log.metadata
    from webhook_audit_log as log
    where log.event_type = 'discord_role'
      and log.id > coalesce(
          (
              select last_position from retracted_range where first_position <= log.id
              order by first_position desc limit 1
          ),
          0
      )
)
select distinct on (target)
    target as role,
    coalesce(
        nullif(metadata ->> 'name', ''),
        (
            select earlier.metadata ->> 'name'
            from role_event as earlier
            where earlier.target = newest.target
              and earlier.metadata ->> 'name' <> ''
            order by earlier.timestamp desc, earlier.id desc
            limit 1
        )
    ) as name,
    action = 'deleted' as deleted,
    timestamp as changed_at
from role_event as newest
where action in ('created', 'renamed', 'deleted')
  and target <> ''
order by target, timestamp desc, id desc;
comment on view discord_role_directory is 'the name that each role has now, or had last';
