delete from discord_attribution
where at < %(before)s
