-- With the version that readers see now, and how far it is.
select
    active.version,
    active.state,
    active.position as checkpoint,
    consumer.version as of_version,
    consumer.position,
    consumer.operation,
    consumer.user_id,
    consumer.state
from projection_checkpoint as active
left join feed_consumer as consumer
    on consumer.projection = active.projection and consumer.lane = active.lane and consumer.consumer = %(consumer)s
where active.projection = %(projection)s and active.active
order by consumer.version = active.version desc nulls last
limit 1
