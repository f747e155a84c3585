-- What a version would have raised before it got the names, the one before has raised.
update effect
set start_position = %(position)s
where projection = %(projection)s
  and version = %(version)s
returning name
