-- Batches older than an hour become one row a minute; the sum of events and the last position stay right. Only
-- neighbours are merged: a clock that was set back gives one minute to batches that do not follow one another.
with old as (
    select
        projection,
        version,
        first_lane,
        last_lane,
        last_position,
        events,
        date_trunc('minute', committed_at) as minute,
        row_number() over (partition by projection, version, first_lane, last_lane order by last_position)
            - row_number() over (
                partition by projection, version, first_lane, last_lane, date_trunc('minute', committed_at)
                order by last_position
            ) as island
    from projection_batch
    where committed_at < clock_timestamp() - interval '1 hour'
),
merged as (
    select
        projection,
        version,
        first_lane,
        last_lane,
        max(last_position) as kept,
        sum(events) as events,
        array_agg(last_position) as positions
    from old
    group by projection, version, first_lane, last_lane, minute, island
    having count(*) > 1
),
gone as (
    delete from projection_batch as batch
    using merged
    where (batch.projection, batch.version, batch.first_lane, batch.last_lane)
        = (merged.projection, merged.version, merged.first_lane, merged.last_lane)
      and batch.last_position = any(merged.positions)
      and batch.last_position < merged.kept
)
update projection_batch as batch
set events = merged.events
from merged
where (batch.projection, batch.version, batch.first_lane, batch.last_lane)
    = (merged.projection, merged.version, merged.first_lane, merged.last_lane)
  and batch.last_position = merged.kept
