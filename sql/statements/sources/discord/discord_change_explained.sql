delete from discord_change
where key = any(%(keys)s::text[])
