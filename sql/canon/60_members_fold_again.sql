-- Puts these members' rows (null: everybody's) in place as the log has them as of a position: whoever cannot be folded
-- is parked, only rows that differ are written, and nobody else may write them meanwhile. Planned anew each time, for
-- few members or for all of them; full joins, since those are never done row by row.
create or replace function members_fold_again(upto bigint, user_ids varchar[]) returns jsonb
language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
    parked bigint;
    done jsonb;
begin
    with refused as materialized (
        select distinct on (user_id) user_id, id as position, refusal
        from members_event as logged
        where refusal is not null
          and id <= upto
          and (user_ids is null or user_id = any(user_ids))
          -- what the member's lane has not reached parks nobody yet
          and (
              coalesce(id <= (select members_least_position()), true)
              or id <= (
                  select lane.position
                  from projection_lane as lane
                  where lane.projection = 'members'
                    and lane.version = members_rules_version()
                    and lane.lane = lane_of(logged.user_id)
              )
          )
        order by user_id, id
    ),
    freed as (
        delete from projection_failure as failure
        where failure.projection = 'members'
          and failure.version = members_rules_version()
          and (user_ids is null or failure.user_id = any(user_ids))
          and not exists (select from refused where refused.position = failure.position)
    )
    insert into projection_failure as failure (projection, version, position, user_id, error)
    select 'members', members_rules_version(), position, user_id, refusal from refused
    on conflict (projection, version, position) do update
    set error = excluded.error,
        attempts = failure.attempts + 1;
    get diagnostics parked = row_count;

    with folded as materialized (
        select * from members_folded(upto, user_ids, null)
    ),
    member as (
        select * from folded where role is null
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
            select * from discord_user_current_roles
            where user_ids is null or user_id = any(user_ids)
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
    status_change as materialized (
        select
            coalesce(member.user_id, stored.user_id) as user_id,
            member.discord_joined_at,
            member.patreon_tier,
            member.total_roles_count,
            member.last_activity,
            member.status,
            member.user_id is null as gone
        from member
        full join (
            select * from temple_member_status
            where user_ids is null or user_id = any(user_ids)
        ) as stored on stored.user_id = member.user_id
        where (
            member.user_id, member.discord_joined_at, member.patreon_tier, member.total_roles_count,
            member.last_activity, member.status
        ) is distinct from (
            stored.user_id, stored.discord_joined_at, stored.patreon_tier, stored.total_roles_count,
            stored.last_activity, stored.status
        )
    ),
    status_put as (
        insert into temple_member_status
            (user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status, last_sync)
        select user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status, clock_timestamp()
        from status_change
        where not gone
        on conflict (user_id) do update
        set discord_joined_at = excluded.discord_joined_at,
            patreon_tier = excluded.patreon_tier,
            total_roles_count = excluded.total_roles_count,
            last_activity = excluded.last_activity,
            status = excluded.status,
            last_sync = excluded.last_sync
    ),
    status_gone as (
        delete from temple_member_status as stored
        using status_change as change
        where change.gone
          and stored.user_id = change.user_id
    ),
    frontier_change as materialized (
        select
            coalesce(member.user_id, stored.user_id) as user_id,
            member.occurred_at,
            member.position,
            member.user_id is null as gone
        from member
        full join (
            select * from projection_frontier
            where projection = 'members'
              and version = members_rules_version()
              and (user_ids is null or user_id = any(user_ids))
        ) as stored on stored.user_id = member.user_id
        where (member.occurred_at, member.position) is distinct from (stored.occurred_at, stored.position)
    ),
    frontier_put as (
        insert into projection_frontier (projection, version, user_id, occurred_at, position)
        select 'members', members_rules_version(), user_id, occurred_at, position from frontier_change where not gone
        on conflict (projection, version, user_id) do update
        set occurred_at = excluded.occurred_at,
            position = excluded.position
    ),
    frontier_gone as (
        delete from projection_frontier as stored
        using frontier_change as change
        where change.gone
          and stored.projection = 'members'
          and stored.version = members_rules_version()
          and stored.user_id = change.user_id
    )
    select jsonb_build_object(
        'changed_members', count(distinct change.user_id),
        'rows_written', count(*) filter (where not change.gone),
        'rows_removed', count(*) filter (where change.gone),
        'parked', parked
    )
    into done
    from (
        select user_id, gone from role_change
        union all
        select user_id, gone from status_change
    ) as change;
    return done;
end
$$;

revoke execute on function members_fold_again(bigint, varchar[]) from public;
grant execute on function members_fold_again(bigint, varchar[]) to temple_project;
