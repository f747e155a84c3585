-- Whoever appends writes here before anything else, and keeps the lock until its transaction ends.
lock table trigger_member in share row exclusive mode
