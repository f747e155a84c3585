-- The columns of a table's primary key, in order.
select attname::text
from pg_index
cross join lateral unnest(indkey::int2[]) with ordinality as part (number, place)
join pg_attribute on attrelid = indrelid and attnum = part.number
where indrelid = to_regclass(%(place)s)
  and indisprimary
order by part.place
