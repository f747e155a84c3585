select pg_advisory_unlock(hashtextextended('temple archive', 0))
