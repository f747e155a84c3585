-- A small commit of its own that waits for the disk, and takes with it what was written before.
select pg_logical_emit_message(true, 'temple', '')
