-- The lanes of a projection that is split, and who leads each.
select
    lane.lane,
    reached.position,
    greatest(0, (select coalesce(max(id), 0) from webhook_audit_log) - reached.position) as behind,
    case
        when not lease_is_over(lease)
         -- a standby has no connection of a runner: there the time alone decides
         and (pg_is_in_recovery() or exists (select from pg_stat_activity where pid = lease.backend_pid))
        then lease.description
    end as leader,
    lane.updated_at
from projection_lane as lane
join projection_checkpoint as checkpoint using (projection, version)
left join projection_lease as lease
    on (lease.projection, lease.version, lease.lane) = (lane.projection, lane.version, lane.lane)
cross join lateral (
    select greatest(lane.position, checkpoint.position) as position
) as reached
where lane.projection = %(projection)s
  and lane.version = %(version)s
order by lane.lane
