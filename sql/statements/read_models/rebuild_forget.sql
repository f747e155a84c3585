-- All notes of a rebuild.
with ranges as (
    delete from projection_rebuild_range where projection = %(projection)s and version = %(version)s
), frontiers as (
    delete from projection_rebuild_frontier where projection = %(projection)s and version = %(version)s
), failures as (
    delete from projection_rebuild_failure where projection = %(projection)s and version = %(version)s
)
delete from projection_rebuild where projection = %(projection)s and version = %(version)s
