-- Where it is split, its lanes stand together, and go with it.
with lane as (
    update projection_lane
    set position = 0,
        passed = 0
    where projection = %(projection)s
      and version = %(version)s
)
update projection_checkpoint
set position = %(position)s,
    passed = %(passed)s,
    updated_at = clock_timestamp()
where projection = %(projection)s
  and version = %(version)s
