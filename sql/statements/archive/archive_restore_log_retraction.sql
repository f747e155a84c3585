insert into log_retraction overriding system value
select * from jsonb_populate_recordset(null::log_retraction, %(rows)s::jsonb)
