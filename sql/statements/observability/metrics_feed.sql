-- Of each consumer: since when the first change waits that it has not read, and whether it has to begin anew.
select
    consumer.projection,
    consumer.consumer,
    extract(epoch from (
        select change.recorded_at
        from feed_change as change
        where change.projection = consumer.projection
          and change.version = consumer.version
          and change.lane = consumer.lane
          and (change.position, change.operation, change.user_id)
            > (consumer.position, consumer.operation, consumer.user_id)
        order by change.position, change.operation, change.user_id
        limit 1
    ))::double precision as oldest,
    consumer.state = 'behind' as behind
from feed_consumer as consumer
order by consumer.projection, consumer.consumer
limit %(limit)s
