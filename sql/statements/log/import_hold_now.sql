-- The same for a chunk whose rows are in, without waiting: somebody else waits for those rows, and we would for somebody.
select id from log_import where id = %(import)s and not closed for share nowait
