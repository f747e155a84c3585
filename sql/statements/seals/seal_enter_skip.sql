select seal_enter_skip(%(projection)s, %(position)s)
