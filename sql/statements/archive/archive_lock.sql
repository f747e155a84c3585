-- One session writes archives of a ledger at a time; it is held until the connection ends.
select pg_advisory_lock(hashtextextended('temple archive', 0))
