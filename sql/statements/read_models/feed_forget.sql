delete from feed_consumer
where projection = %(projection)s and consumer = %(consumer)s
returning consumer
