-- Deliveries that name the person, and how many of them were not translated yet.
select count(*), count(*) filter (where state in ('waiting', 'failed'))
from inbox
where erasure_in_bytes(body, %(words)s::text[])
   or erasure_in_bytes(convert_to(details::text, 'UTF8'), %(words)s::text[])
