-- Whether nobody has made anything here: the schemas that every database has, without what an extension brings.
select not exists (
    select
    from pg_class as relation
    join pg_namespace as schema on schema.oid = relation.relnamespace
    where schema.nspname !~ '^pg_'
      and schema.nspname <> 'information_schema'
      and not exists (
          select from pg_depend
          where classid = 'pg_class'::regclass and objid = relation.oid and deptype = 'e'
      )
)
