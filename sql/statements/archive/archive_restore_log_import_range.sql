insert into log_import_range overriding system value
select * from jsonb_populate_recordset(null::log_import_range, %(rows)s::jsonb)
