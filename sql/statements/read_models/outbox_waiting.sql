-- Due at a sink, the oldest first; of a member nothing behind a message that waits for its next try.
select id, projection, version, position, effect, number, user_id, type, data::text, occurred_at, attempts
from effect_outbox as entry
where sink = %(sink)s
  and state = 'waiting'
  and due_at <= clock_timestamp()
  and not exists (
      select from effect_outbox as earlier
      where earlier.sink = entry.sink
        and earlier.user_id = entry.user_id
        and earlier.id < entry.id
        and earlier.state = 'waiting'
        and earlier.attempts > 0
        and earlier.due_at > clock_timestamp()
  )
order by id
limit %(limit)s
