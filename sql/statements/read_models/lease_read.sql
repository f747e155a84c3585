-- A row for each lane of those that are split, and one for each other projection. free: nobody holds it, its time is
-- over, or the connection it was taken with is gone (a killed runner)
select
    checkpoint.projection,
    checkpoint.version,
    share.lane,
    lease.holder,
    lease.description,
    lease.projection is null
        or lease_is_over(lease)
        or not exists (select from pg_stat_activity where pid = lease.backend_pid) as free
from unnest(%(projections)s::text[], %(versions)s::integer[])
    with ordinality as asked (projection, version, place)
join projection_checkpoint as checkpoint using (projection, version)
cross join lateral (
    select checkpoint.lane
    where not checkpoint.split
    union all
    select lane.lane
    from projection_lane as lane
    where checkpoint.split
      and (lane.projection, lane.version) = (checkpoint.projection, checkpoint.version)
) as share
left join projection_lease as lease
    on (lease.projection, lease.version, lease.lane) = (checkpoint.projection, checkpoint.version, share.lane)
order by asked.place, share.lane
