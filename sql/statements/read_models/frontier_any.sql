-- Whether any member has one.
select from projection_frontier
where projection = %(projection)s
  and version = %(version)s
limit 1
