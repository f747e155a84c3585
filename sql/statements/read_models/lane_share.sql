-- A step of some lanes, or nothing: whoever waits to exclude the steps comes first.
select pg_try_advisory_xact_lock_shared(hashtext('temple lanes of ' || %(projection)s), %(version)s)
