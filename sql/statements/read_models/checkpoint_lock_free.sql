-- Those of these checkpoints that nobody else holds; always in the order of their names, so that two runners never wait
-- for each other.
select projection, version, position, epoch, passed, counted, state, reason, parks_freely, active, reads, split
from projection_checkpoint
where (projection, version) in (select * from unnest(%(projections)s::text[], %(versions)s::integer[]))
order by projection, version
for update skip locked
