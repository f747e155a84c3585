update discord_feed
set week_sent_on = %(monday)s
