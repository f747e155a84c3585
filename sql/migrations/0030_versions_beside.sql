-- A version beside the one that readers see: its tables wait for a replay, and get their names by a switch, for which it
-- is written down which tables a version has. Cost on a large table: none.
alter table projection_checkpoint drop constraint projection_checkpoint_state_check;
alter table projection_checkpoint add constraint projection_checkpoint_state_check
    check (state in ('running', 'paused', 'rebuilding', 'failed', 'trigger', 'needs replay'));
comment on column projection_checkpoint.state is
    'trigger: not a runner, but the trigger on the log keeps the rows, of everything that is committed; position and passed are of the time before. needs replay: the tables of this version are not filled yet';

alter table projection_checkpoint add column tables text[] not null default '{}';
comment on column projection_checkpoint.tables is 'the declared names of its tables, as the last migration knew them';
update projection_checkpoint set tables = '{discord_user_current_roles, temple_member_status}' where projection = 'members';
update projection_checkpoint set tables = '{webhook_activity_hourly}' where projection = 'activity';

-- What was new and unfilled has its own version, and a state that says so: the next step of the migration makes it.
delete from projection_checkpoint where version = 0 and position(':' in projection) = 0;
