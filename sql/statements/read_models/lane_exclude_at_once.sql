-- As lane_exclude, where that needs no waiting.
select pg_try_advisory_xact_lock(hashtext('temple lanes of ' || %(projection)s), %(version)s)
