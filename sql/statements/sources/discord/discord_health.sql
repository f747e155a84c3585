select (select guild_id from ledger_guild), removed_at, unavailable_since, refused_at, refusal
from discord_feed
