-- What a projection reads beside its rules: the event types as they were declared when its rows were made.
-- Cost on a large table: none; a column that may be null, in a table of a few rows.
alter table projection_checkpoint add column reads text;
comment on column projection_checkpoint.reads is
    'by name of an event type, a digest of its names, version, fields and upcasters; null until a process has stepped it';

-- A replay that was killed goes on only where it decodes as it did.
alter table projection_rebuild add column reads text not null default '';
