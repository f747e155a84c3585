select skips_void(%(projection)s)
