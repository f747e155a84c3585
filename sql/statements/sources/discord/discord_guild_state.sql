-- "listed" says that the bot is in the guild, and nothing about an outage.
update discord_feed
set removed_at = case when %(state)s = 'removed' then coalesce(removed_at, %(at)s) end,
    unavailable_since = case %(state)s
        when 'unavailable' then coalesce(unavailable_since, %(at)s)
        when 'listed' then unavailable_since
    end
