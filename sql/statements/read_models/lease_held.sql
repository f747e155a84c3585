-- By projection, how many leases are this holder's: one for one that is not split. Of one whose lanes are all theirs, where
-- these stand, and what they passed: to whoever excludes the steps of lanes.
select
    projection,
    version,
    count(*),
    case when count(*) > 1 then array(
        select position
        from projection_lane as lane
        where (lane.projection, lane.version) = (lease.projection, lease.version)
        order by lane.lane
    ) end,
    case when count(*) > 1 then (
        select sum(passed)::bigint
        from projection_lane as lane
        where (lane.projection, lane.version) = (lease.projection, lease.version)
    ) end
from projection_lease as lease
where holder = %(holder)s
group by projection, version
