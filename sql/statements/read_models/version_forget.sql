-- All that is stored of a version, but for its tables, and for its batches: they say when an event was folded first.
with lease as (
    delete from projection_lease where projection = %(projection)s and version = %(version)s
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
)
delete from projection_checkpoint where projection = %(projection)s and version = %(version)s
