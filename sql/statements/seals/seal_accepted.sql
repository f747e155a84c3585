-- Events that were changed and that somebody accepted as they are now, and when that was done last; no row for none.
select sum(upper(part) - lower(part))::bigint, max(sealed_at)
from log_seal
left join lateral unnest(positions) as part on true
where kind = 'accept'
having count(*) > 0
