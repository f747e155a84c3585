update discord_feed
set week_sent_on = coalesce(week_sent_on, %(monday)s)
returning week_sent_on
