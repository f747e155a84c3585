-- Members who are parked, or will be.
select user_id from projection_failure
where projection = %(projection)s
  and version = %(version)s
union
select user_id from projection_rebuild_failure
where projection = %(projection)s
  and version = %(version)s
