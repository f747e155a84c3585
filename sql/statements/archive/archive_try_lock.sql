-- The same, for who does not wait.
select pg_try_advisory_lock(hashtextextended('temple archive', 0))
