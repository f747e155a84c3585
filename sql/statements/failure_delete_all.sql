delete from projection_failure
where projection = %(projection)s
