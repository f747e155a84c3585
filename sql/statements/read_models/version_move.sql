-- What is stored of a projection under this version belongs to the other one from now on.
with checkpoint as (
    update projection_checkpoint set version = %(to)s where projection = %(projection)s and version = %(version)s
), lease as (
    update projection_lease set version = %(to)s where projection = %(projection)s and version = %(version)s
), batch as (
    update projection_batch set version = %(to)s where projection = %(projection)s and version = %(version)s
), frontier as (
    update projection_frontier set version = %(to)s where projection = %(projection)s and version = %(version)s
)
update projection_failure set version = %(to)s where projection = %(projection)s and version = %(version)s
