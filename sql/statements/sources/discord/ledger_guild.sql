select guild_id
from ledger_guild
