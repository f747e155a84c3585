-- Comments on this relation (without a column) and on its columns.
select null::text as column_name, obj_description(%(place)s::regclass, 'pg_class') as comment
where obj_description(%(place)s::regclass, 'pg_class') is not null
union all
select attname::text, col_description(attrelid, attnum)
from pg_attribute
where attrelid = %(place)s::regclass
  and attnum > 0
  and not attisdropped
  and col_description(attrelid, attnum) is not null
