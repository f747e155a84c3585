-- lanes null: none goes on any more
update projection_checkpoint
set lanes_in_place = %(lanes)s
where projection = %(projection)s
  and version = %(version)s
  and lanes_in_place is distinct from %(lanes)s
