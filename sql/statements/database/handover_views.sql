-- Views that read one of these tables, themselves or through another view: those that are read by others first.
with recursive dependent (id, depth) as (
    select distinct rule.ev_class, 1
    from pg_depend as depends
    join pg_rewrite as rule on depends.classid = 'pg_rewrite'::regclass and rule.oid = depends.objid
    where depends.refclassid = 'pg_class'::regclass
      and depends.refobjid = any(%(places)s::regclass[])
      and rule.ev_class <> all(%(places)s::regclass[])
    union
    select rule.ev_class, dependent.depth + 1
    from dependent
    join pg_depend as depends
        on depends.refclassid = 'pg_class'::regclass
       and depends.refobjid = dependent.id
       and depends.classid = 'pg_rewrite'::regclass
    join pg_rewrite as rule on rule.oid = depends.objid and rule.ev_class <> dependent.id
)
select
    view.oid::bigint,
    namespace.nspname::text,
    view.relname::text,
    view.relkind::text,
    pg_get_userbyid(view.relowner)::text as owner,
    pg_has_role(session_user, view.relowner, 'member') as may_act,
    rtrim(pg_get_viewdef(view.oid), '; ') as definition,
    coalesce(view.reloptions, '{}')::text[] as options,
    exists (select from pg_trigger where tgrelid = view.oid)
        or exists (select from pg_attrdef where adrelid = view.oid)
        or exists (select from pg_rewrite where ev_class = view.oid and rulename <> '_RETURN') as has_more
from (select id, max(depth) as depth from dependent group by id) as found
join pg_class as view on view.oid = found.id
join pg_namespace as namespace on namespace.oid = view.relnamespace
order by found.depth, namespace.nspname, view.relname
