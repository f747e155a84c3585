-- The last position that the log has at or before this one; 0 where it has none.
select coalesce(max(id), 0) from webhook_audit_log where id <= %(position)s
