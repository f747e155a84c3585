select
    class.relname,
    class.relkind = 'r' and not class.relispartition and not class.relrowsecurity as plain,
    array(
        select attname::text
        from pg_attribute
        where attrelid = class.oid and attnum > 0 and not attisdropped
        order by attnum
    ) as columns,
    array(
        select format_type(atttypid, atttypmod)
        from pg_attribute
        where attrelid = class.oid and attnum > 0 and not attisdropped
        order by attnum
    ) as types,
    array(
        select (
            select string_agg(attribute.attname, ', ' order by key.place)
            from unnest(indkey::smallint[]) with ordinality as key (number, place)
            join pg_attribute as attribute on attribute.attrelid = class.oid and attribute.attnum = key.number
        )
        from pg_index
        where indrelid = class.oid and indisunique and indisvalid and indpred is null and indexprs is null
    ) as unique_keys,
    array(
        select tgname::text
        from pg_trigger
        where tgrelid = class.oid
          and not tgisinternal
          and tgfoid is distinct from to_regprocedure('public.sync_current_roles()')
    ) as triggers,
    array(
        select distinct dependent.oid::regclass::text
        from pg_depend as reads
        join pg_rewrite as rule on rule.oid = reads.objid
        join pg_class as dependent on dependent.oid = rule.ev_class and dependent.oid <> class.oid
        where reads.classid = 'pg_rewrite'::regclass
          and reads.refclassid = 'pg_class'::regclass
          and reads.refobjid = class.oid
        union
        select distinct conrelid::regclass::text
        from pg_constraint
        where contype = 'f' and confrelid = class.oid and conrelid <> class.oid
    ) as dependents
from pg_class as class
where class.relnamespace = 'public'::regnamespace
  and class.relname = any(%(tables)s)
