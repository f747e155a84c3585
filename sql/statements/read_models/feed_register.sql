select version, position from feed_register(%(projection)s, %(consumer)s)
