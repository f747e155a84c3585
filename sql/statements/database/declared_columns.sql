-- The columns of a table: type, whether it may be null, and whether whoever inserts a row has to give it.
select
    attname::text,
    format_type(atttypid, atttypmod),
    not attnotnull,
    attnotnull and not atthasdef and attidentity = ''
from pg_attribute
where attrelid = to_regclass(%(place)s)
  and attnum > 0
  and not attisdropped
order by attnum
