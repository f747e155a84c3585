-- Which rollups the database keeps. Their own tables, views and triggers are made by `temple db migrate`, from what the
-- projections declare; filling one reads its source once, and writers of that table wait so long. Cost of this file on
-- a large table: none, it is empty here.
create table projection_rollup (
    projection varchar(63) collate "C" not null,
    version integer not null,
    name varchar(45) collate "C" not null,
    definition jsonb not null,
    maintained_since timestamptz not null default clock_timestamp(),
    primary key (projection, version, name)
);
comment on table projection_rollup is
    'rollups: rows of a projection aggregated by another key, kept by triggers on its table and read through a view';

grant select on projection_rollup to temple_append, temple_project, temple_read;
