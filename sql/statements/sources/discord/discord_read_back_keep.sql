update discord_feed
set read_back_to = %(entry_id)s
