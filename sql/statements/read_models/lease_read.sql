-- free: nobody holds it, its time is over, or the connection it was taken with is gone (a killed runner)
select
    checkpoint.projection,
    checkpoint.version,
    lease.holder,
    lease.description,
    lease.projection is null
        or lease_is_over(lease)
        or not exists (select from pg_stat_activity where pid = lease.backend_pid) as free
from unnest(%(projections)s::text[], %(versions)s::integer[])
    with ordinality as asked (projection, version, place)
join projection_checkpoint as checkpoint using (projection, version)
left join projection_lease as lease using (projection, version, lane)
order by asked.place
