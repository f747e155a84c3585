-- discord_surroundings and discord_known of one member, in one answer: asked for each frame.
select
    (select guild_id from ledger_guild),
    feed.session,
    feed.whole_since,
    (select jsonb_object_agg(role_id, deleted_at) from discord_role where deleted_at is not null),
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
                'session', open.session
            )
        )
        from discord_attribution as open
        where open.user_id = %(user_id)s
          and used_by is null
          and not closed
    )
from discord_feed as feed
left join discord_member as member on member.user_id = %(user_id)s
