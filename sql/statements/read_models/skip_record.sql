insert into skipped_position (projection, position, user_id, skipped_by, reason)
select failure.projection, failure.position, failure.user_id, %(skipped_by)s, %(reason)s
from projection_failure as failure
where failure.projection = %(projection)s
  and failure.version = %(version)s
  and failure.position = %(position)s
on conflict (projection, position) do nothing
returning user_id
