-- The journal says when a position was folded first: what it has already stays, even if the checkpoint was set back,
-- and of a batch that begins below its end only what is above counts.
with journal as (
    select coalesce(max(last_position), 0) as last_position
    from projection_batch
    where projection = %(projection)s
      and version = %(version)s
      and first_lane = -1
      and last_lane = -1
),
moved as (
    update projection_checkpoint
    set position = %(to)s,
        passed = passed + %(passed)s,
        counted = counted + %(counted)s,
        reads = coalesce(reads, %(reads)s),
        updated_at = clock_timestamp()
    where projection = %(projection)s
      and version = %(version)s
      and position = %(position)s
      and epoch = %(epoch)s
    returning projection, version
),
journaled as (
    insert into projection_batch (projection, version, last_position, events, committed_at)
    select
        moved.projection,
        moved.version,
        %(to)s,
        case
            when journal.last_position <= %(position)s then %(passed)s
            else (select count(*) from webhook_audit_log where id > journal.last_position and id <= %(to)s)
        end,
        clock_timestamp()
    from moved
    cross join journal
    where journal.last_position < %(to)s
)
select count(*) from moved
