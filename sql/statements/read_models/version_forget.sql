-- All that is stored of a version, but for its tables; for its batches, which say when an event was folded first; and
-- for messages in the outbox, which are delivered all the same.
with lease as (
    delete from projection_lease where projection = %(projection)s and version = %(version)s
), lane as (
    delete from projection_lane where projection = %(projection)s and version = %(version)s
), frontier as (
    delete from projection_frontier where projection = %(projection)s and version = %(version)s
), failure as (
    delete from projection_failure where projection = %(projection)s and version = %(version)s
), round as (
    delete from verification_round where projection = %(projection)s and version = %(version)s
), rebuild as (
    delete from projection_rebuild where projection = %(projection)s and version = %(version)s
), ranges as (
    delete from projection_rebuild_range where projection = %(projection)s and version = %(version)s
), rebuilt_frontier as (
    delete from projection_rebuild_frontier where projection = %(projection)s and version = %(version)s
), rebuilt_failure as (
    delete from projection_rebuild_failure where projection = %(projection)s and version = %(version)s
), change as (
    delete from feed_change where projection = %(projection)s and version = %(version)s
), consumer as (
    delete from feed_consumer where projection = %(projection)s and version = %(version)s
), effect as (
    delete from effect where projection = %(projection)s and version = %(version)s
), held_back as (
    delete from effect_held_back where projection = %(projection)s and version = %(version)s
)
delete from projection_checkpoint where projection = %(projection)s and version = %(version)s
