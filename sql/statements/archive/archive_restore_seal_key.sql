insert into seal_key (number, key, opened, closed)
select number, key, opened, closed from jsonb_populate_recordset(null::seal_key, %(seal_key)s::jsonb)
