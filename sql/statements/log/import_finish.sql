update log_import set finished_at = clock_timestamp() where id = %(import)s
