-- What a rebuild has done so far, so that a killed one goes on where it was. Unlogged, like the rows it makes: after a
-- crash of the server both are empty together, and a rebuild begins anew. Cost on a large table: they are empty here.
create unlogged table projection_rebuild (
    projection varchar(63) collate "C" primary key,
    version integer not null,
    position bigint not null,
    exceptions text not null,
    backend_pid integer not null,
    started_at timestamptz not null default clock_timestamp()
);
comment on column projection_rebuild.exceptions is 'what was left out when it began: a rebuild begins anew when that changes';

create unlogged table projection_rebuild_range (
    projection varchar(63) collate "C" not null,
    number integer not null,
    after_user varchar(100) collate "C",
    upto_user varchar(100) collate "C",
    done_user varchar(100) collate "C",
    done_position bigint not null default 0,
    done boolean not null default false,
    members bigint not null default 0,
    events bigint not null default 0,
    counted bigint not null default 0,
    primary key (projection, number)
);
comment on table projection_rebuild_range is
    'members in (after_user, upto_user], folded up to done_user; of a tally, positions counted up to done_position';

create unlogged table projection_rebuild_frontier (
    projection varchar(63) collate "C" not null,
    user_id varchar(100) collate "C" not null,
    occurred_at timestamptz not null,
    position bigint not null,
    primary key (projection, user_id)
);

create unlogged table projection_rebuild_failure (
    projection varchar(63) collate "C" not null,
    position bigint not null,
    user_id varchar(100) collate "C" not null,
    error text not null,
    primary key (projection, position)
);

grant select, insert, update, delete
    on projection_rebuild, projection_rebuild_range, projection_rebuild_frontier, projection_rebuild_failure
    to temple_project;
grant select
    on projection_rebuild, projection_rebuild_range, projection_rebuild_frontier, projection_rebuild_failure
    to temple_read, temple_append;
