-- How long these positions took from the log to the rows, by the database's clock alone: when the journal's batch that
-- folded them first was committed, after the log had taken them.
select
    asked.number,
    greatest(0, extract(epoch from batch.committed_at - log.recorded_at))::double precision as seconds
from unnest(%(numbers)s::integer[], %(projections)s::text[], %(lasts)s::bigint[], %(positions)s::bigint[])
    as asked (number, projection, last_position, position)
join projection_batch as batch using (projection, last_position)
join webhook_audit_log as log on log.id = asked.position
