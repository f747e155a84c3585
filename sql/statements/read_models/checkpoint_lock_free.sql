-- Those of these checkpoints that nobody else holds; always in the order of their names, so that two runners never wait
-- for each other.
select projection, version, position, epoch, passed, counted, state, reason, parks_freely
from projection_checkpoint
where projection = any(%(projections)s)
  and active
order by projection
for update skip locked
