-- The next deliveries of a source. details as text: it is parsed one by one.
select id, kind, body, digest, received_at, origin, details::text
from inbox
where source = %(source)s
  and state = 'waiting'
order by id
limit %(limit)s
