-- Only from where it was: of two processes under one name, one is refused.
update feed_consumer
set position = %(to_position)s,
    operation = %(to_operation)s,
    user_id = %(to_user_id)s,
    state = 'reading',
    moved_at = clock_timestamp()
where projection = %(projection)s
  and version = %(version)s
  and consumer = %(consumer)s
  and (position, operation, user_id) = (%(position)s, %(operation)s, %(user_id)s)
  and state = %(state)s
returning position
