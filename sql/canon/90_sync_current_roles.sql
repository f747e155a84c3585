-- The trigger as the maintainer of "members": it folds what a statement appended, in the statement's own transaction.
-- It is bound to the log by `temple trigger enable`, once a statement, so that a bulk import is one fold, and members
-- are locked in one order.
--
-- Who appends for a member waits for whoever did so before, to the end of that transaction: trigger_member is locked
-- before anything is read, and under READ COMMITTED every later statement here sees what the other one did. Under
-- another isolation level nothing new can be seen: the lock, or the one on the checkpoint, fails where the snapshot is
-- too old, and the member is parked for somebody to fold again.
--
-- No append is refused: what can not be folded parks its member. Errors that pass (deadlocks, time-outs, a full disk)
-- do reach whoever appends, who has to try again anyway.

-- Folds these events, which are known ones and in the log already.
create or replace function members_take_in(fresh bigint[]) returns void
language plpgsql as $$
declare
    concerned varchar[];
    in_order varchar[];
    from_the_log varchar[];
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        -- an operation that changed rows, positions or who maintains them has raised the epoch
        perform from projection_checkpoint where projection = 'members' for share;
    end if;
    select array_agg(distinct user_id) into concerned from webhook_audit_log where id = any(fresh);
    insert into trigger_member as turn (user_id)
    select user_id from unnest(concerned) as user_id order by user_id collate "C"
    on conflict (user_id) do update set folds = turn.folds + 1;

    select
        array_agg(appended.user_id) filter (where not appended.again),
        array_agg(appended.user_id) filter (where appended.again)
    into in_order, from_the_log
    from (
        select
            event.user_id,
            -- which event is to blame is decided by position, over all events of the member
            bool_or(event.refusal is not null)
            -- a smaller position may be seen later: what is at the frontier's time and below its position is late
            or bool_or(frontier.user_id is not null
                       and (event.timestamp, event.id) < (frontier.occurred_at, frontier.position))
            or bool_or(parked.position is not null)
            -- rows and frontier that disagree are no state to go on from
            or bool_or((frontier.user_id is null) <> (member.user_id is null))
            or bool_or(frontier.user_id is not null and (
                member.status is null
                or (member.status <> 'inactive' and member.last_activity is null)
                or member.last_activity > frontier.occurred_at
                or member.discord_joined_at > frontier.occurred_at
                or exists (
                    select from discord_user_current_roles as held
                    where held.user_id = event.user_id
                      and held.granted_at > frontier.occurred_at
                )
            )) as again
        from members_event as event
        left join projection_frontier as frontier
            on frontier.projection = 'members'
           and frontier.user_id = event.user_id
        left join temple_member_status as member on member.user_id = event.user_id
        left join (
            select user_id, min(position) as position
            from projection_failure
            where projection = 'members'
            group by user_id
        ) as parked on parked.user_id = event.user_id
        where event.id = any(fresh)
          -- what is behind an event that parked its member waits in the log
          and (parked.position is null or event.id < parked.position)
        group by event.user_id
    ) as appended;

    if in_order is not null then
        with folded as materialized (
            select * from members_folded(null, in_order, fresh)
        ),
        role_put as (
            insert into discord_user_current_roles (user_id, role, granted_at, granted_by, last_verified)
            select folded.user_id, folded.role, folded.granted_at, folded.granted_by, clock_timestamp()
            from folded
            where folded.role is not null
              and not exists (
                  select from discord_user_current_roles as there
                  where there.user_id = folded.user_id
                    and there.role = folded.role
                    and there.granted_at = folded.granted_at
                    and there.granted_by is not distinct from folded.granted_by
              )
            on conflict (user_id, role) do update
            set granted_at = excluded.granted_at,
                granted_by = excluded.granted_by,
                last_verified = excluded.last_verified
        ),
        role_gone as (
            delete from discord_user_current_roles as stored
            where stored.user_id = any(in_order)
              and not exists (
                  select from folded where folded.user_id = stored.user_id and folded.role = stored.role
              )
        ),
        status_put as (
            insert into temple_member_status
                (user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status, last_sync)
            select user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status, clock_timestamp()
            from folded
            where role is null
            on conflict (user_id) do update
            set discord_joined_at = excluded.discord_joined_at,
                patreon_tier = excluded.patreon_tier,
                total_roles_count = excluded.total_roles_count,
                last_activity = excluded.last_activity,
                status = excluded.status,
                last_sync = excluded.last_sync
        )
        insert into projection_frontier (projection, user_id, occurred_at, position)
        select 'members', user_id, occurred_at, position
        from folded
        where role is null
        on conflict (projection, user_id) do update
        set occurred_at = excluded.occurred_at,
            position = excluded.position;
    end if;

    if from_the_log is not null then
        perform members_fold_again(9223372036854775807, from_the_log);
    end if;
end
$$;

-- Records that these events, all of one member, could not be folded, unless the member is parked before them already.
create or replace function members_park(fresh bigint[], error text) returns void
language sql as $$
    insert into projection_failure (projection, position, user_id, error)
    select 'members', log.id, log.user_id, error
    from webhook_audit_log as log
    where log.id = (select min(each) from unnest(fresh) as each)
      and not exists (
          select from projection_failure as failure
          where failure.projection = 'members'
            and failure.user_id = log.user_id
            and failure.position <= log.id
      )
$$;

create or replace function sync_current_roles() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
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

-- Whether the same transaction, tried again as a whole, may well succeed. A conflict of snapshots is answered here:
-- whoever appends in another isolation level than ours may not know that it has to try again.
create or replace function members_error_passes(state text) returns boolean
language sql immutable parallel safe as $$
    select state in ('40P01', '55P03', '57014', '57P01', '57P02', '57P03', '25P03', '58030')
        or left(state, 2) in ('08', '53')
        or state = '40001' and current_setting('transaction_isolation') = 'read committed'
$$;

revoke execute on function
    members_take_in(bigint[]), members_park(bigint[], text), sync_current_roles()
    from public;
