-- The lanes of one step, which stood at one position.
with moved as (
    update projection_lane as lane
    set position = %(to)s,
        passed = lane.passed + case when lane.lane = %(first)s then %(passed)s else 0 end,
        updated_at = clock_timestamp()
    from projection_checkpoint as checkpoint
    where (checkpoint.projection, checkpoint.version) = (%(projection)s, %(version)s)
      and checkpoint.split
      and checkpoint.epoch = %(epoch)s
      and (lane.projection, lane.version) = (checkpoint.projection, checkpoint.version)
      and lane.lane = any(%(lanes)s::smallint[])
      and greatest(lane.position, checkpoint.position) = %(position)s
    returning lane.lane
)
select count(*) from moved
