delete from projection_batch where projection = %(projection)s and version = %(version)s and last_position > %(end)s
