insert into retracted_range overriding system value
select * from jsonb_populate_recordset(null::retracted_range, %(rows)s::jsonb)
