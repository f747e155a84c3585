-- How many of a rollup's triggers fire on its source, whoever writes.
select count(*)
from pg_trigger
where tgrelid = to_regclass(%(source)s)
  and tgfoid = to_regprocedure(%(function)s || '()')
  and tgenabled = 'A'
