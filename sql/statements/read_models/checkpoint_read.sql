-- In trigger mode all that this snapshot sees is folded. Of one that is split, passed has what its lanes passed too, and
-- the last column where each of them stands.
select
    checkpoint.projection,
    checkpoint.version,
    case
        when checkpoint.state = 'trigger' then (select coalesce(max(id), 0) from webhook_audit_log)
        else checkpoint.position
    end as position,
    checkpoint.epoch,
    checkpoint.passed + coalesce(lanes.passed, 0) as passed,
    checkpoint.counted,
    checkpoint.state,
    checkpoint.reason,
    checkpoint.parks_freely,
    checkpoint.active,
    checkpoint.reads,
    checkpoint.split,
    lanes.positions
from projection_checkpoint as checkpoint
left join lateral (
    select
        array_agg(greatest(lane.position, checkpoint.position) order by lane.lane) as positions,
        sum(lane.passed)::bigint as passed
    from projection_lane as lane
    where (lane.projection, lane.version) = (checkpoint.projection, checkpoint.version)
) as lanes on checkpoint.split
order by checkpoint.projection, checkpoint.version
