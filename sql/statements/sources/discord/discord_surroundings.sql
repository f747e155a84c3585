select
    (select guild_id from ledger_guild),
    session,
    whole_since,
    (select jsonb_object_agg(role_id, deleted_at) from discord_role where deleted_at is not null)
from discord_feed
