update discord_feed
set session = coalesce(%(session)s, session),
    whole_since = %(at)s,
    refused_at = null,
    refusal = null
