-- The rules of "members" (docs/events.md), once in SQL: what the fold of a member's events gives. A row without a role
-- is the member's status and frontier; each other one is a role that the member holds.
drop type if exists member_folded cascade;
create type member_folded as (
    user_id varchar(100) collate "C",
    role varchar(100) collate "C",
    granted_at timestamptz,
    granted_by varchar(100) collate "C",
    discord_joined_at timestamptz,
    patreon_tier varchar(50) collate "C",
    total_roles_count integer,
    last_activity timestamptz,
    status varchar(20) collate "C",
    occurred_at timestamptz,
    "position" bigint
);

-- Where the last lane of "members" stands; null where it is not split.
create or replace function members_least_position() returns bigint
language sql stable parallel safe as $$
    select position
    from projection_checkpoint
    where projection = 'members'
      and version = members_rules_version()
      and split
$$;

-- members_folded(upto, null, null)         everybody, from the log, as of a position
-- members_folded(upto, user_ids, null)     these members, from the log
-- members_folded(null, user_ids, fresh)    these members, from what is stored of them and the events at these
--                                          positions, none of which comes late or has to be refused
-- A null that is written out takes its part of the query away before it is planned.
create function members_folded(upto bigint, user_ids varchar[], fresh bigint[]) returns setof member_folded
language sql stable parallel safe as $$
    with event as (
        select logged.user_id, logged.timestamp, logged.id, logged.action, logged.target, logged.granted_by
        from members_event as logged
        left join (
            -- a parked member is folded as of the position before
            select refused.user_id, min(refused.position) as position
            from (
                select user_id, id as position
                from members_event
                where refusal is not null
                  and id <= upto
                  and (user_ids is null or user_id = any(user_ids))
                union all
                select user_id, position
                from projection_failure
                where projection = 'members'
                  and version = members_rules_version()
            ) as refused
            group by refused.user_id
        ) as parked on parked.user_id = logged.user_id
        where logged.id <= upto
          and (user_ids is null or logged.user_id = any(user_ids))
          and (parked.position is null or logged.id < parked.position)
          -- where lanes stand apart, what the member's has not reached is not folded; null where there are none
          and (
              coalesce(logged.id <= (select members_least_position()), true)
              or logged.id <= (
                  select lane.position
                  from projection_lane as lane
                  where lane.projection = 'members'
                    and lane.version = members_rules_version()
                    and lane.lane = lane_of(logged.user_id)
              )
          )
        union all
        select user_id, timestamp, id, action, target, granted_by
        from members_snapshot
        where fresh is not null
          and user_id = any(user_ids)
        union all
        select user_id, timestamp, id, action, target, granted_by
        from members_event
        where id = any(fresh)
          and user_id = any(user_ids)
    ),
    -- counted from the newest event back: what happened at or after each one
    counted as (
        select
            event.*,
            row_number() over newest_first as place,
            count(*) filter (where action = 'left') over newest_first as departures,
            count(*) filter (where action in ('joined', 'added')) over newest_first as arrivals,
            count(*) filter (where action in ('started', 'changed', 'declined', 'ended')) over newest_first as tiers
        from event
        window newest_first as (partition by user_id order by timestamp desc, id desc rows unbounded preceding)
    ),
    -- a stay begins with the first arrival after a departure; the last one that there was is stay 0
    placed as (
        select
            counted.*,
            count(*) filter (where action = 'left' and arrivals > 0) over newest_first as stay
        from counted
        window newest_first as (partition by user_id order by timestamp desc, id desc rows unbounded preceding)
    ),
    member as (
        select
            user_id,
            min(timestamp) filter (where action = 'joined' and stay = 0) as discord_joined_at,
            max(target) filter (where action in ('started', 'changed', 'declined', 'ended') and tiers = 1)
                as patreon_tier,
            max(timestamp) filter (where action <> 'marked') as last_activity,
            case
                when bool_or(action = 'left' and arrivals = 0) then 'departed'
                when bool_or(action = 'marked' and place = 1) then 'inactive'
                else 'active'
            end as status,
            max(timestamp) as occurred_at,
            max(id) filter (where place = 1) as position
        from placed
        group by user_id
    ),
    -- nothing that was granted before the last departure is held
    granted as (
        select
            user_id,
            target as role,
            timestamp,
            granted_by,
            count(*) filter (where action = 'removed') over newest_first as removals,
            count(granted_by) over newest_first as names
        from placed
        where departures = 0
          and action in ('added', 'removed')
        window newest_first as (partition by user_id, target order by timestamp desc, id desc rows unbounded preceding)
    ),
    held as (
        select
            user_id,
            role,
            max(timestamp) as granted_at,
            max(granted_by) filter (where names = 1) as granted_by
        from granted
        where removals = 0
        group by user_id, role
    )
    select
        member.user_id,
        null::varchar(100),
        null::timestamptz,
        null::varchar(100),
        member.discord_joined_at,
        member.patreon_tier::varchar(50),
        coalesce(roles.number, 0),
        member.last_activity,
        member.status::varchar(20),
        member.occurred_at,
        member.position
    from member
    -- full, since that is never done row by row; nobody holds a role without being a member
    full join (select user_id, count(*)::integer as number from held group by user_id) as roles using (user_id)
    union all
    select user_id, role, granted_at, granted_by::varchar(100), null, null, null, null, null, null, null
    from held
$$;
