select (select guild_id from ledger_guild), removed_at, unavailable_since
from discord_feed
