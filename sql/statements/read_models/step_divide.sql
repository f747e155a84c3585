-- Who stands at these shares of the events in (after, upto], by user_id: of one event in %(every)s, or the next one after
-- it, since numbers may be missing. The parts need not be equal.
select percentile_disc(%(shares)s::float8[]) within group (order by sampled.user_id)
from generate_series(%(after)s::bigint, %(upto)s::bigint - 1, %(every)s::bigint) as place
cross join lateral (
    select user_id
    from webhook_audit_log
    where id > place and id <= %(upto)s
    order by id
    limit 1
) as sampled
