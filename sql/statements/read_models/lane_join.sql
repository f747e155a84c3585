with lease as (
    delete from projection_lease where projection = %(projection)s and version = %(version)s
),
lane as (
    delete from projection_lane where projection = %(projection)s and version = %(version)s
)
update projection_checkpoint
set split = false
where projection = %(projection)s
  and version = %(version)s
