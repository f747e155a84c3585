-- The first event: no operation changes its position or when it was recorded.
select id, recorded_at from webhook_audit_log order by id limit 1
