-- The last event at or before a position.
select id, recorded_at from webhook_audit_log where id <= %(upto)s order by id desc limit 1
