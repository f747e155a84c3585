insert into projection_batch (projection, version, last_position, events, committed_at)
select %(projection)s::varchar, %(version)s::integer, %(position)s::bigint, %(events)s::bigint, clock_timestamp()
where %(position)s > 0
  and not exists (
    select from projection_batch
    where projection = %(projection)s
      and version = %(version)s
      and last_position >= %(position)s
)
