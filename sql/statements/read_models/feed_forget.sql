select feed_forget(%(projection)s, %(consumer)s)
