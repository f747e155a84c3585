delete from projection_failure as failure
using unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as given (first_position, last_position)
where failure.projection = %(projection)s
  and failure.version = %(version)s
  and failure.position between given.first_position and given.last_position
