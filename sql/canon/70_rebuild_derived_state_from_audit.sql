-- Both derived tables put right from the log, at the position that "members" has folded. Readers see the old rows until
-- the end; the runner, or in trigger mode whoever appends, waits. What the runner remembered is void afterwards.
create or replace procedure rebuild_derived_state_from_audit()
language plpgsql as $$
declare
    before projection_checkpoint%rowtype;
    nestloop constant text := current_setting('enable_nestloop');
    in_log bigint;
    done jsonb;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'rebuild_derived_state_from_audit() needs a transaction in READ COMMITTED'
            using errcode = 'feature_not_supported',
                  hint = 'it has to see what was committed while it waited';
    end if;
    select * into before from projection_checkpoint where projection = 'members' and active for update;
    if not found or before.version <> members_rules_version() then
        raise exception 'the rows of "members" are of another version than these rules'
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'run: temple db migrate && temple replay members';
    end if;
    if before.state = 'trigger' then
        -- nobody who appends is in the middle of a fold, and all that is committed is folded
        lock table trigger_member in share row exclusive mode;
        select coalesce(max(id), 0) into before.position from webhook_audit_log;
    end if;

    if before.split then
        -- no step of a lane is in the middle of anything; each member is put right as its lane stands
        perform pg_advisory_xact_lock(hashtext('temple lanes of members'), before.version);
        before.position := members_comparable_position();
        before.passed := before.passed + (
            select sum(lane.passed) from projection_lane as lane
            where (lane.projection, lane.version) = (before.projection, before.version)
        );
    end if;

    -- a table that was empty when it was looked at last is believed to be, and would be searched row by row
    perform set_config('enable_nestloop', 'off', true);
    done := members_fold_again(before.position, null);
    perform set_config('enable_nestloop', nestloop, true);

    select count(*) into in_log
    from webhook_audit_log as log
    where id <= before.position
      and (
          coalesce(id <= (select members_least_position()), true)
          or id <= (
              select lane.position
              from projection_lane as lane
              where (lane.projection, lane.version) = (before.projection, before.version)
                and lane.lane = lane_of(log.user_id)
          )
      );
    update projection_checkpoint
    set epoch = epoch + 1,
        updated_at = clock_timestamp()
    where projection = 'members'
      and active;
    done := done || jsonb_build_object(
        'position', before.position, 'passed', before.passed, 'events', in_log, 'state', before.state
    );
    insert into ledger_operation (kind, projection, performed_by, reason, details)
    values ('rebuild in sql', 'members', session_user, 'rebuild_derived_state_from_audit()', done);
    if before.state <> 'trigger' and before.passed <> in_log then
        raise warning 'the log has % events up to position %, and % were passed: some were lost, or the log was altered',
            in_log, before.position, before.passed
            using hint = 'the rows are those of the log as it is now; run: temple verify --full';
    end if;
    raise notice 'rebuilt from % events: % members changed, % rows written, % removed, % members parked',
        in_log, done ->> 'changed_members', done ->> 'rows_written', done ->> 'rows_removed', done ->> 'parked';
end
$$;

revoke execute on procedure rebuild_derived_state_from_audit() from public;
grant execute on procedure rebuild_derived_state_from_audit() to temple_project;
