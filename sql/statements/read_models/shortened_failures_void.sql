delete from projection_failure as failure
where projection = %(projection)s
  and version = %(version)s
  and not exists (select from webhook_audit_log where id = failure.position)
returning position
