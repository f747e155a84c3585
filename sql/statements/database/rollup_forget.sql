delete from projection_rollup
where projection = %(projection)s and version = %(version)s and name = %(name)s
