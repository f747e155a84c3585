select seal_accept(%(first)s, %(last)s, %(operation)s)
