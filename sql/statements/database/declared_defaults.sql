-- The defaults of a table's columns, as PostgreSQL writes them.
select attname::text, pg_get_expr(adbin, adrelid)
from pg_attrdef
join pg_attribute on attrelid = adrelid and attnum = adnum
where adrelid = to_regclass(%(place)s)
