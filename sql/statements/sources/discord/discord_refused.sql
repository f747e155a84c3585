-- The first time of a refusal that lasts stays.
update discord_feed
set refused_at = coalesce(refused_at, %(at)s),
    refusal = %(reason)s
