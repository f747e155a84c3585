insert into erased_position overriding system value
select * from jsonb_populate_recordset(null::erased_position, %(rows)s::jsonb)
