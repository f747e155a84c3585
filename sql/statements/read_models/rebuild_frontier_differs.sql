select coalesce(live.user_id, rebuilt.user_id) as user_id
from (
    select * from projection_frontier where projection = %(projection)s and version = %(version)s
) as live
full join (
    select * from projection_rebuild_frontier where projection = %(projection)s and version = %(version)s
) as rebuilt on live.user_id = rebuilt.user_id
where (live.occurred_at, live.position) is distinct from (rebuilt.occurred_at, rebuilt.position)
