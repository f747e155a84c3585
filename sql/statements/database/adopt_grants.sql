-- Who may read the table or append to it: its owner too, who may be the login of what appends. 0 is everybody.
select coalesce(role.rolname::text, 'public'), granted.privilege_type
from pg_class as class
cross join lateral (
    select grantee, privilege_type from aclexplode(class.relacl)
    union
    select class.relowner, unnest(array['SELECT', 'INSERT'])
) as granted
left join pg_roles as role on role.oid = granted.grantee
where class.oid = to_regclass(%(table)s)
  and granted.privilege_type in ('SELECT', 'INSERT')
  and not coalesce(role.rolsuper, false)
