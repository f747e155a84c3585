-- Everybody was seen: what nothing was explained by until then had no effect.
with closed as (
    update discord_attribution
    set closed = true
    where used_by is null
      and not closed
      and direction <> 'delete'
      and coalesce(heard_at, at) < %(before)s
)
update discord_feed
set caught_up_at = greatest(caught_up_at, %(at)s)
