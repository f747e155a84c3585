(select id from webhook_audit_log where id < %(position)s order by id desc limit 1)
union all
(select id from webhook_audit_log where id > %(position)s order by id limit 1)
order by id
