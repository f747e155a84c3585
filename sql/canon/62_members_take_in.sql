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
        perform from projection_checkpoint where projection = 'members' and active for share;
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
            coalesce(bool_or(
                -- which event is to blame is decided by position, over all events of the member
                event.refusal is not null
                or parked.position is not null
                -- a smaller position may be seen later: below the frontier's, at its time, is late too
                or (event.timestamp, event.id) <= (frontier.occurred_at, frontier.position)
                -- rows and frontier that do not fit together are no state to go on from
                or (frontier.user_id is null) <> (member.user_id is null)
                or (frontier.user_id is not null and member.status is null)
                or (member.status <> 'inactive' and member.last_activity is null)
                or member.last_activity > frontier.occurred_at
                or member.discord_joined_at > frontier.occurred_at
                or exists (
                    select from discord_user_current_roles as held
                    where held.user_id = event.user_id
                      and (frontier.occurred_at is null or held.granted_at > frontier.occurred_at)
                )
            ), false) as again
        from members_event as event
        left join projection_frontier as frontier
            on frontier.projection = 'members'
           and frontier.version = members_rules_version()
           and frontier.user_id = event.user_id
        left join temple_member_status as member on member.user_id = event.user_id
        left join lateral (
            select min(failure.position) as position,
                   min(failure.position) filter (where culprit.refusal is not null) as refused
            from projection_failure as failure
            left join members_event as culprit on culprit.id = failure.position
            where failure.projection = 'members'
              and failure.version = members_rules_version()
              and failure.user_id = event.user_id
        ) as parked on true
        where event.id = any(fresh)
          -- what is behind an event that has to be refused waits in the log; for another reason, it is tried again
          and (parked.refused is null or event.id < parked.refused)
        group by event.user_id
    ) as appended;

    if in_order is not null then
        with folded as materialized (
            select * from members_folded(null, in_order, fresh)
        ),
        role_change as materialized (
            select
                coalesce(held.user_id, stored.user_id) as user_id,
                coalesce(held.role, stored.role) as role,
                held.granted_at,
                held.granted_by,
                held.role is null as gone
            from (select * from folded where role is not null) as held
            full join (
                select * from discord_user_current_roles where user_id = any(in_order)
            ) as stored
                on stored.user_id = held.user_id
               and stored.role = held.role
            where (held.granted_at, held.granted_by) is distinct from (stored.granted_at, stored.granted_by)
        ),
        role_put as (
            insert into discord_user_current_roles (user_id, role, granted_at, granted_by, last_verified)
            select user_id, role, granted_at, granted_by, clock_timestamp() from role_change where not gone
            on conflict (user_id, role) do update
            set granted_at = excluded.granted_at,
                granted_by = excluded.granted_by,
                last_verified = excluded.last_verified
        ),
        role_gone as (
            delete from discord_user_current_roles as stored
            using role_change as change
            where change.gone
              and stored.user_id = change.user_id
              and stored.role = change.role
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
        insert into projection_frontier (projection, version, user_id, occurred_at, position)
        select 'members', members_rules_version(), user_id, occurred_at, position
        from folded
        where role is null
        on conflict (projection, version, user_id) do update
        set occurred_at = excluded.occurred_at,
            position = excluded.position;
    end if;

    if from_the_log is not null then
        -- no rows are made from events that are not what was sealed
        with changed as (
            insert into projection_failure (projection, version, position, user_id, error, kind)
            select
                'members',
                members_rules_version(),
                (select min(id) from webhook_audit_log where id = any(fresh) and user_id = altered.member),
                altered.member,
                'the log was changed: its event at position ' || altered.log_position
                    || ' is not what was sealed; see: temple seal verify',
                'changed'
            from seal_changed_of(from_the_log, 9223372036854775807) as altered
            on conflict (projection, version, position) do update set error = excluded.error
            returning user_id
        )
        select array_agg(user_id) into from_the_log
        from unnest(from_the_log) as user_id
        where user_id not in (select changed.user_id from changed);
        if from_the_log is not null then
            perform members_fold_again(9223372036854775807, from_the_log);
        end if;
    end if;
end
$$;

revoke execute on function members_take_in(bigint[]) from public;
