-- Waits for the chunk that is being stored; what would come after it is refused.
update log_import set closed = true where id = %(import)s
