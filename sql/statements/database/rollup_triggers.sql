-- How many of a rollup's triggers fire on its source, whoever writes.
select count(*)
from pg_trigger
where tgrelid = to_regclass(quote_ident(%(source)s))
  and tgfoid = to_regprocedure(quote_ident(%(function)s) || '()')
  and tgenabled = 'A'
