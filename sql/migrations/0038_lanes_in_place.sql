-- How far a replay is that is put in place lane by lane. Cost on a large table: none, a column without a default.
alter table projection_checkpoint
    add column lanes_in_place smallint check (lanes_in_place between 0 and 16);
comment on column projection_checkpoint.lanes_in_place is
    'of a replay that changes very many rows: how many of the 16 lanes of members have its rows; null: none goes on';
