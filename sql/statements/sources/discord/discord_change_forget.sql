delete from discord_change
where received_at < %(before)s
