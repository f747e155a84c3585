-- Those of these checkpoints that nobody else holds; always in the order of their names, so that two runners never wait
-- for each other. Last, whether all of it is held: of one that is split, no step of a lane is in the middle of anything.
with free as materialized (
    select projection, version, position, epoch, passed, counted, state, reason, parks_freely, active, reads, split
    from projection_checkpoint
    where (projection, version) in (select * from unnest(%(projections)s::text[], %(versions)s::integer[]))
    order by projection, version
    for update skip locked
)
select
    free.*,
    case when split then pg_try_advisory_xact_lock(hashtext('temple lanes of ' || projection), version) else true end
from free
order by projection, version
