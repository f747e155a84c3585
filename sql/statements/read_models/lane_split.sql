-- Its lease was for all of it.
with lease as (
    delete from projection_lease where projection = %(projection)s and version = %(version)s
),
split as (
    update projection_checkpoint
    set split = true,
        reads = coalesce(reads, %(reads)s)
    where projection = %(projection)s
      and version = %(version)s
    returning projection, version
)
insert into projection_lane (projection, version, lane)
select split.projection, split.version, number
from split
cross join generate_series(0, 15) as number
