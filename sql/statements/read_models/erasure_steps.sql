-- Changes whenever an erasure changed events.
select coalesce(sum(steps), 0)::bigint
from erasure
