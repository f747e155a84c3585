-- Only from where this worker had brought it, and for whoever has the rebuild: another one may have taken over meanwhile,
-- and cannot while this is going on.
with claim as (
    select projection
    from projection_rebuild
    where projection = %(projection)s
      and version = %(version)s
      and backend_pid = %(claimed_by)s
    for share
)
update projection_rebuild_range
set done_user = coalesce(%(done_user)s, done_user),
    done_position = greatest(done_position, %(done_position)s),
    done = %(done)s,
    members = members + %(members)s,
    events = events + %(events)s,
    counted = counted + %(counted)s
where projection = %(projection)s
  and version = %(version)s
  and number = %(number)s
  and exists (select from claim)
  and not done
  and done_position = %(before_position)s
  and done_user is not distinct from %(before_user)s
returning number
