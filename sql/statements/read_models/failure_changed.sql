-- A member who waited for a long fold, and whose events are not what was sealed: waits for somebody to settle that.
update projection_failure
set kind = 'changed',
    error = %(error)s
where projection = %(projection)s
  and version = %(version)s
  and user_id = %(user_id)s
  and kind = 'long'
