select
    (select guild_id from ledger_guild),
    session,
    whole_since,
    read_back_to,
    caught_up_at,
    (select count(*) from discord_member where present),
    (select max(last_received_at) from discord_session),
    (select count(*) from discord_session where begun_at > clock_timestamp() - interval '1 day')
from discord_feed
