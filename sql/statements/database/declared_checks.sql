-- The checks of a table that a projection declared.
select conname::text
from pg_constraint
where conrelid = to_regclass(%(place)s)
  and contype = 'c'
  and starts_with(conname::text, %(prefix)s)
