-- Batches older than an hour become one row a minute; the sum of events and the last position stay right. Only
-- neighbours are merged: a clock that was set back gives one minute to batches that do not follow one another.
with old as (
    select
        projection,
        last_position,
        events,
        date_trunc('minute', committed_at) as minute,
        row_number() over (partition by projection order by last_position)
            - row_number() over (
                partition by projection, date_trunc('minute', committed_at)
                order by last_position
            ) as island
    from projection_batch
    where committed_at < clock_timestamp() - interval '1 hour'
),
merged as (
    select projection, max(last_position) as kept, sum(events) as events, array_agg(last_position) as positions
    from old
    group by projection, minute, island
    having count(*) > 1
),
gone as (
    delete from projection_batch as batch
    using merged
    where batch.projection = merged.projection
      and batch.last_position = any(merged.positions)
      and batch.last_position < merged.kept
)
update projection_batch as batch
set events = merged.events
from merged
where batch.projection = merged.projection
  and batch.last_position = merged.kept
