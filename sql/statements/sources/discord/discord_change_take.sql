-- The one that came nearest to when the entry was made, or to when it was heard; of those that came together, the first.
delete from discord_change
where key = (
    select key
    from discord_change
    where user_id = %(user_id)s
      and direction = %(direction)s
      and role_id = %(role_id)s
      and received_at between %(earliest)s and %(latest)s
    order by
        least(abs(extract(epoch from received_at - %(at)s)), abs(extract(epoch from received_at - %(came_at)s))),
        received_at,
        at
    limit 1
)
returning key, at
