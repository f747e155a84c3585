-- The journal says when a position was folded first: what it has already stays, even if the checkpoint was set back.
with moved as (
    update projection_checkpoint
    set position = %(to)s,
        passed = passed + %(passed)s,
        counted = counted + %(counted)s,
        updated_at = clock_timestamp()
    where projection = %(projection)s
      and position = %(position)s
      and epoch = %(epoch)s
    returning projection
),
journaled as (
    insert into projection_batch (projection, last_position, events, committed_at)
    select projection, %(to)s, %(passed)s, clock_timestamp()
    from moved
    where not exists (
        select from projection_batch as later
        where later.projection = %(projection)s
          and later.last_position >= %(to)s
    )
)
select count(*) from moved
