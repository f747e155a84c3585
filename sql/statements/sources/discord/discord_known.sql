select
    given.user_id,
    member.user_id is not null,
    member.present,
    member.joined_at,
    member.roles,
    member.last_event_at,
    member.seen_at,
    member.observed_at,
    member.repeated_join_at,
    (
        select jsonb_agg(
            jsonb_build_object(
                'entry_id', entry_id,
                'direction', direction,
                'role_id', role_id,
                'actor', actor,
                'reason', reason,
                'how', how,
                'at', at,
                'heard_at', heard_at,
                'session', session
            )
        )
        from discord_attribution as open
        where open.user_id = given.user_id
          and used_by is null
          and not closed
    )
from unnest(%(user_ids)s::text[]) as given (user_id)
left join lateral (
    select * from discord_member where discord_member.user_id = given.user_id
    offset 0
) as member on true
