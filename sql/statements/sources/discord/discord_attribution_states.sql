-- Of these entries: whether anything may still be explained by each part of them, and when it was heard.
select entry_id, direction, role_id, used_by is null and not closed, heard_at, session
from discord_attribution
where entry_id = any(%(entry_ids)s::text[])
