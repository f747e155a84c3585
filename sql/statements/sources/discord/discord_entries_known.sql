select distinct entry_id
from discord_attribution
where entry_id = any(%(entry_ids)s)
