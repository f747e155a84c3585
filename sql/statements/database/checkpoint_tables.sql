-- Which tables a version has, by their declared names.
update projection_checkpoint
set tables = %(tables)s
where projection = %(projection)s
  and version = %(version)s
  and tables <> %(tables)s
