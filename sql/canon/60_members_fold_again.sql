-- Puts these members' rows (null: everybody's) in place as the log has them as of a position: whoever can not be folded
-- is parked, only rows that differ are written, and nothing else may write them meanwhile. Planned anew each time, for
-- few members or for all of them.
create or replace function members_fold_again(upto bigint, user_ids varchar[]) returns jsonb
language plpgsql set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_variable
declare
    parked bigint;
    done jsonb;
begin
    delete from projection_failure as failure
    where failure.projection = 'members'
      and (user_ids is null or failure.user_id = any(user_ids));

    insert into projection_failure (projection, position, user_id, error)
    select distinct on (event.user_id) 'members', event.id, event.user_id, event.refusal
    from members_event as event
    where event.refusal is not null
      and event.id <= upto
      and (user_ids is null or event.user_id = any(user_ids))
    order by event.user_id, event.id;
    get diagnostics parked = row_count;

    with folded as materialized (
        select * from members_folded(upto, user_ids, null)
    ),
    role_put as (
        insert into discord_user_current_roles as stored (user_id, role, granted_at, granted_by, last_verified)
        select folded.user_id, folded.role, folded.granted_at, folded.granted_by, clock_timestamp()
        from folded
        left join discord_user_current_roles as there
            on there.user_id = folded.user_id
           and there.role = folded.role
        where folded.role is not null
          and (
              there.user_id is null
              or there.granted_at <> folded.granted_at
              or there.granted_by is distinct from folded.granted_by
          )
        on conflict (user_id, role) do update
        set granted_at = excluded.granted_at,
            granted_by = excluded.granted_by,
            last_verified = excluded.last_verified
        returning stored.user_id
    ),
    role_gone as (
        delete from discord_user_current_roles as stored
        where (user_ids is null or stored.user_id = any(user_ids))
          and not exists (
              select from folded where folded.user_id = stored.user_id and folded.role = stored.role
          )
        returning stored.user_id
    ),
    status_put as (
        insert into temple_member_status as stored
            (user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status, last_sync)
        select
            folded.user_id, folded.discord_joined_at, folded.patreon_tier, folded.total_roles_count,
            folded.last_activity, folded.status, clock_timestamp()
        from folded
        left join temple_member_status as there on there.user_id = folded.user_id
        where folded.role is null
          and (
              there.user_id is null
              or (
                  there.discord_joined_at, there.patreon_tier, there.total_roles_count, there.last_activity,
                  there.status
              ) is distinct from (
                  folded.discord_joined_at, folded.patreon_tier, folded.total_roles_count, folded.last_activity,
                  folded.status
              )
          )
        on conflict (user_id) do update
        set discord_joined_at = excluded.discord_joined_at,
            patreon_tier = excluded.patreon_tier,
            total_roles_count = excluded.total_roles_count,
            last_activity = excluded.last_activity,
            status = excluded.status,
            last_sync = excluded.last_sync
        returning stored.user_id
    ),
    status_gone as (
        delete from temple_member_status as stored
        where (user_ids is null or stored.user_id = any(user_ids))
          and not exists (select from folded where folded.user_id = stored.user_id and folded.role is null)
        returning stored.user_id
    ),
    frontier_put as (
        insert into projection_frontier (projection, user_id, occurred_at, position)
        select 'members', folded.user_id, folded.occurred_at, folded.position
        from folded
        left join projection_frontier as there
            on there.projection = 'members'
           and there.user_id = folded.user_id
        where folded.role is null
          and (
              there.user_id is null
              or there.occurred_at <> folded.occurred_at
              or there.position <> folded.position
          )
        on conflict (projection, user_id) do update
        set occurred_at = excluded.occurred_at,
            position = excluded.position
    ),
    frontier_gone as (
        delete from projection_frontier as stored
        where stored.projection = 'members'
          and (user_ids is null or stored.user_id = any(user_ids))
          and not exists (select from folded where folded.user_id = stored.user_id and folded.role is null)
    ),
    change as (
        select user_id, 1 as written, 0 as removed from role_put
        union all
        select user_id, 0, 1 from role_gone
        union all
        select user_id, 1, 0 from status_put
        union all
        select user_id, 0, 1 from status_gone
    )
    select jsonb_build_object(
        'changed_members', count(distinct user_id),
        'rows_written', coalesce(sum(written), 0),
        'rows_removed', coalesce(sum(removed), 0),
        'parked', parked
    )
    into done
    from change;
    return done;
end
$$;

revoke execute on function members_fold_again(bigint, varchar[]) from public;
grant execute on function members_fold_again(bigint, varchar[]) to temple_project;
