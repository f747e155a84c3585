-- The oldest that nobody needs any more, so many at once that nobody waits long for it.
delete from inbox
where id in (
    select id
    from inbox
    where received_at < %(before)s
      and last_received_at < %(before)s
      and state in ('translated', 'set_aside', 'unparseable')
    order by received_at
    limit %(limit)s
)
