-- Whether anybody reads the feed of that version.
select from feed_consumer
where projection = %(projection)s and version = %(version)s
limit 1
