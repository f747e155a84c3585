-- How far all lanes are, for everybody who asks how far the projection is: in the checkpoint, and in the journal. Returns
-- whether it was to be moved, and how often it was. It is not where somebody else moved it since this statement began,
-- or raised the epoch: what was seen of the lanes and of the journal may be of the time before.
with seen as materialized (
    select checkpoint.epoch, checkpoint.position, min(greatest(lane.position, checkpoint.position)) as reached
    from projection_checkpoint as checkpoint
    join projection_lane as lane using (projection, version)
    where checkpoint.projection = %(projection)s
      and checkpoint.version = %(version)s
    group by checkpoint.epoch, checkpoint.position
),
journal as (
    select coalesce(max(last_position), 0) as last_position
    from projection_batch
    where projection = %(projection)s
      and version = %(version)s
      and first_lane = -1
      and last_lane = -1
),
moved as (
    update projection_checkpoint as checkpoint
    set position = seen.reached,
        updated_at = clock_timestamp()
    from seen
    where checkpoint.projection = %(projection)s
      and checkpoint.version = %(version)s
      and checkpoint.split
      and (checkpoint.epoch, checkpoint.position) = (seen.epoch, seen.position)
      and seen.position < seen.reached
    returning checkpoint.position
),
journaled as (
    insert into projection_batch (projection, version, last_position, events, committed_at)
    select
        %(projection)s,
        %(version)s,
        moved.position,
        (select count(*) from webhook_audit_log where id > journal.last_position and id <= moved.position),
        clock_timestamp()
    from moved
    cross join journal
    where journal.last_position < moved.position
)
select coalesce(bool_or(position < reached), false), (select count(*) from moved)
from seen
