-- Batches older than an hour become one row a minute; the sum of events and the last position stay right.
with minute as (
    select
        projection,
        date_trunc('minute', committed_at) as started_at,
        max(last_position) as kept,
        sum(events) as events
    from projection_batch
    where committed_at < clock_timestamp() - interval '1 hour'
    group by projection, date_trunc('minute', committed_at)
    having count(*) > 1
),
merged as (
    delete from projection_batch as batch
    using minute
    where batch.projection = minute.projection
      and date_trunc('minute', batch.committed_at) = minute.started_at
      and batch.last_position < minute.kept
)
update projection_batch as batch
set events = minute.events
from minute
where batch.projection = minute.projection
  and batch.last_position = minute.kept
