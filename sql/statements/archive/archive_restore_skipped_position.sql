insert into skipped_position overriding system value
select * from jsonb_populate_recordset(null::skipped_position, %(rows)s::jsonb)
