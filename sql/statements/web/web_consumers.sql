-- Who reads the changes of projections, and how many of them wait: as far as they are counted.
select
    consumer.projection,
    consumer.version,
    consumer.consumer,
    consumer.position,
    consumer.state,
    consumer.moved_at,
    (
        select count(*)
        from (
            select
            from feed_change as change
            where change.projection = consumer.projection
              and change.version = consumer.version
              and (change.position, change.operation, change.user_id)
                > (consumer.position, consumer.operation, consumer.user_id)
            limit %(most)s
        ) as counted
    ) as waiting
from feed_consumer as consumer
order by consumer.projection, consumer.version, consumer.consumer
