-- furthest: of one that is split, where its first lane stands.
select
    version,
    position,
    active,
    state,
    tables,
    greatest(
        position,
        (
            select max(lane.position)
            from projection_lane as lane
            where (lane.projection, lane.version) = (checkpoint.projection, checkpoint.version)
        )
    ) as furthest
from projection_checkpoint as checkpoint
where projection = %(projection)s
order by version
