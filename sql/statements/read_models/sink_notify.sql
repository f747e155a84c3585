select pg_notify(%(channel)s, payload)
from unnest(%(payloads)s::text[]) with ordinality as given (payload, number)
order by number
