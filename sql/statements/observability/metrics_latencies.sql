-- How long these positions took from the log to the rows, by the database's clock alone: when the journal's batch that
-- folded them first was committed, after the log had taken them.
select
    asked.number,
    greatest(0, extract(epoch from batch.committed_at - log.recorded_at))::double precision as seconds
from unnest(%(numbers)s::integer[], %(projections)s::text[], %(versions)s::integer[], %(lasts)s::bigint[], %(positions)s::bigint[])
    as asked (number, projection, version, last_position, position)
cross join lateral (
    select committed_at
    from projection_batch
    where projection_batch.projection = asked.projection
      and projection_batch.version = asked.version
      and projection_batch.first_lane = -1
      and projection_batch.last_lane = -1
      and projection_batch.last_position >= asked.last_position
      and (
          projection_batch.last_position = asked.last_position
          -- of one that is split, when all lanes had passed it
          or exists (
              select from projection_checkpoint as checkpoint
              where (checkpoint.projection, checkpoint.version) = (asked.projection, asked.version)
                and checkpoint.split
          )
      )
    order by projection_batch.last_position
    limit 1
) as batch
cross join lateral (
    select recorded_at from webhook_audit_log where webhook_audit_log.id = asked.position
    offset 0
) as log
