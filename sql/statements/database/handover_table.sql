-- The columns of a table, with their types.
select attname::text, format_type(atttypid, atttypmod)
from pg_attribute
where attrelid = to_regclass(%(place)s)
  and attnum > 0
  and not attisdropped
order by attnum
