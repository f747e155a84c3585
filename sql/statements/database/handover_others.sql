-- What hangs on this table and cannot be given to another one in a moment, as PostgreSQL describes it.
select pg_describe_object('pg_rewrite'::regclass, oid, 0)
from pg_rewrite
where ev_class = %(place)s::regclass and rulename <> '_RETURN'
union all
select pg_describe_object('pg_trigger'::regclass, oid, 0)
from pg_trigger
where tgrelid = %(place)s::regclass
  and not tgisinternal
  -- what keeps a rollup belongs to the version, and stays with its table
  and tgfoid::regproc::text not like 'rollup\_%%\_maintain'
union all
select pg_describe_object('pg_constraint'::regclass, oid, 0)
from pg_constraint
where contype = 'f' and %(place)s::regclass in (conrelid, confrelid)
union all
select format('inheritance of %%s and %%s', inhrelid::regclass, inhparent::regclass)
from pg_inherits
where %(place)s::regclass in (inhrelid, inhparent)
union all
select pg_describe_object('pg_statistic_ext'::regclass, oid, 0)
from pg_statistic_ext
where stxrelid = %(place)s::regclass
union all
select pg_describe_object(depends.classid, depends.objid, depends.objsubid)
from pg_depend as depends
join pg_class as relation on relation.oid = %(place)s::regclass
left join pg_type as row_type on row_type.oid = relation.reltype
where depends.deptype = 'n'
  -- views, keys, and what is the table's own, are looked at elsewhere
  and depends.classid not in (
      'pg_rewrite'::regclass, 'pg_constraint'::regclass, 'pg_publication_rel'::regclass, 'pg_attrdef'::regclass
  )
  and not exists (
      select from pg_policy
      where depends.classid = 'pg_policy'::regclass and pg_policy.oid = depends.objid and polrelid = relation.oid
  )
  and (
      (depends.refclassid = 'pg_class'::regclass and depends.refobjid = relation.oid)
      or (depends.refclassid = 'pg_type'::regclass and depends.refobjid in (row_type.oid, row_type.typarray))
  )
order by 1
