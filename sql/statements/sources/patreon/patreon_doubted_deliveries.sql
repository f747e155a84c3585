select id, kind, body, digest, received_at, origin, details::text
from inbox
where id = any(%(ids)s)
order by id
