insert into log_import overriding system value
select * from jsonb_populate_recordset(null::log_import, %(rows)s::jsonb)
