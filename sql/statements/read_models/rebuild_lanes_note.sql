-- lanes null: none goes on any more. One that goes on where an earlier one was ended does not count anew.
update projection_checkpoint
set lanes_in_place = case when %(lanes)s::smallint is not null then greatest(lanes_in_place, %(lanes)s::smallint) end
where projection = %(projection)s
  and version = %(version)s
  and lanes_in_place is distinct from %(lanes)s::smallint
