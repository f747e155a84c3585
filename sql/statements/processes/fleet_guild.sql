-- Of which guild the ledger is; no row where nothing came from Discord yet.
select guild_id
from ledger_guild
