insert into projection_batch (projection, last_position, events, committed_at)
select %(projection)s::varchar, %(position)s::bigint, %(events)s::bigint, clock_timestamp()
where %(position)s > 0
  and not exists (
    select from projection_batch
    where projection = %(projection)s
      and last_position >= %(position)s
)
