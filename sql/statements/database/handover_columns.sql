-- Which columns of this table views read, by view.
select distinct format('%%s', rule.ev_class::regclass) as view, attname::text
from pg_depend as depends
join pg_rewrite as rule on depends.classid = 'pg_rewrite'::regclass and rule.oid = depends.objid
join pg_attribute on attrelid = depends.refobjid and attnum = depends.refobjsubid and attnum > 0
where depends.refclassid = 'pg_class'::regclass
  and depends.refobjid = %(place)s::regclass
order by 1, 2
