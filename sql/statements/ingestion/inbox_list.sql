-- The newest deliveries, or one; never a body.
select id, source, kind, origin, received_at, state, size, repeats, last_received_at, translated_at, note,
    digest, details::text
from inbox
where (%(id)s::bigint is null or id = %(id)s)
  and (%(source)s::text is null or source = %(source)s)
  and (%(kind)s::text is null or kind = %(kind)s)
  and (%(state)s::text is null or state = %(state)s)
  and (%(since)s::timestamptz is null or received_at >= %(since)s)
  and (%(before)s::bigint is null or id < %(before)s)
order by id desc
limit %(limit)s
