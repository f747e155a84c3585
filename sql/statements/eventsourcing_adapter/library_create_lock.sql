-- Two processes that make a view's tables at once take turns.
select pg_advisory_xact_lock(%(key)s)
