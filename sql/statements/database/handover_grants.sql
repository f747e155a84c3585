-- Grants on this relation and on its columns (null: on all of it), but for those of its owner.
select
    granted.privilege_type,
    case when granted.grantee = 0 then null else pg_get_userbyid(granted.grantee)::text end as grantee,
    granted.is_grantable,
    granted.column_name
from (
    select relation.relowner, acl.*, null::text as column_name
    from pg_class as relation
    cross join lateral aclexplode(relation.relacl) as acl
    where relation.oid = %(place)s::regclass
    union all
    select relation.relowner, acl.*, attname::text
    from pg_class as relation
    join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
    cross join lateral aclexplode(attacl) as acl
    where relation.oid = %(place)s::regclass
) as granted
where granted.grantee <> granted.relowner
order by 4 nulls first, 2, 1
