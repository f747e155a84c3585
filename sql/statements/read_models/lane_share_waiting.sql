-- No operation is in the middle of anything until the transaction ends.
select pg_advisory_xact_lock_shared(hashtext('temple lanes of ' || %(projection)s), %(version)s)
