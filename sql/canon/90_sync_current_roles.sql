-- The trigger as the maintainer of "members": it folds what a statement appended, in the statement's own transaction.
-- It is bound to the log by `temple trigger enable`, once a statement, so that a bulk import is one fold, and members
-- are locked in one order.
--
-- Who appends for a member waits for whoever did so before, to the end of that transaction: trigger_member is locked
-- before anything is read, and under READ COMMITTED every later statement here sees what the other one did. Under
-- another isolation level nothing new can be seen: the lock, or the one on the checkpoint, fails where the snapshot is
-- too old, and the member is parked: until the next append for it, or `temple failures retry`.
--
-- No append is refused: what cannot be folded parks its member. Errors that pass (deadlocks, time-outs, a full disk)
-- do reach whoever appends, who has to try again anyway.

create or replace function sync_current_roles() returns trigger
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    fresh bigint[];
    of_one_member bigint[];
    reason text;
begin
    select array_agg(id) into fresh from appended where members_known(event_type, action);
    if fresh is null then
        return null;
    end if;
    begin
        perform members_take_in(fresh);
        return null;
    exception when others then
        if members_error_passes(sqlstate) then
            raise;
        end if;
    end;
    -- one of the members is to blame, and the others are not
    for of_one_member in
        select array_agg(log.id) from webhook_audit_log as log where log.id = any(fresh) group by log.user_id
        order by log.user_id
    loop
        begin
            perform members_take_in(of_one_member);
        exception when others then
            if members_error_passes(sqlstate) then
                raise;
            end if;
            reason := case
                when sqlstate = '40001' then
                    'appended in a ' || upper(current_setting('transaction_isolation')) || ' transaction beside others;'
                    || ' fold it again: temple failures retry'
                else 'the trigger could not fold it (SQLSTATE ' || sqlstate || ')'
            end;
            perform members_park(of_one_member, reason);
        end;
    end loop;
    return null;
exception when others then
    if members_error_passes(sqlstate) then
        raise;
    end if;
    -- not even parked: verify will tell
    raise warning 'sync_current_roles() could not fold what was appended (SQLSTATE %)', sqlstate;
    return null;
end
$$;

revoke execute on function sync_current_roles() from public;
