select
    pubname::text,
    pg_get_userbyid(pubowner)::text as owner,
    pg_has_role(session_user, pubowner, 'member') as may_act,
    array(
        select attname::text from pg_attribute
        where attrelid = prrelid and attnum = any(prattrs::int2[])
        order by attnum
    ) as columns,
    pg_get_expr(prqual, prrelid) as condition
from pg_publication_rel
join pg_publication as publication on publication.oid = prpubid
where prrelid = %(place)s::regclass
order by pubname
