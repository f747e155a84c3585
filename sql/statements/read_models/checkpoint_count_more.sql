update projection_checkpoint
set counted = counted + %(counted)s
where projection = %(projection)s
  and version = %(version)s
