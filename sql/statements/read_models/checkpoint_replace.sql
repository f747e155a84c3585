-- By a rebuild, a repair or a switch: rows and position are another set than before, so the epoch rises. Lanes go
-- with it.
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
    counted = %(counted)s,
    state = %(state)s,
    reason = null,
    reads = coalesce(%(reads)s, reads),
    epoch = epoch + 1,
    updated_at = clock_timestamp()
where projection = %(projection)s
  and version = %(version)s
