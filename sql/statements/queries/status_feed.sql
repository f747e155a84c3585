-- Consumers of feeds, and since when the first change waits that each has not read.
select
    consumer.projection,
    consumer.consumer,
    consumer.state = 'behind' as behind,
    extract(epoch from clock_timestamp() - (
        select change.recorded_at
        from feed_change as change
        where change.projection = consumer.projection
          and change.version = consumer.version
          and change.lane = consumer.lane
          and (change.position, change.operation, change.user_id)
            > (consumer.position, consumer.operation, consumer.user_id)
        order by change.position, change.operation, change.user_id
        limit 1
    ))::double precision as waits_seconds
from feed_consumer as consumer
order by consumer.projection, consumer.consumer
