-- Logins that have temple_append, and not the roles that took work over from it.
select login.rolname::text, array_agg(role.rolname::text order by role.rolname)
from pg_roles as login
join pg_roles as role on role.rolname in ('temple_translate', 'temple_tokens')
where login.rolcanlogin
  and not login.rolsuper
  and pg_has_role(login.oid, 'temple_append', 'member')
  and not pg_has_role(login.oid, 'temple_translate', 'member')
  and not pg_has_role(login.oid, role.oid, 'member')
group by login.rolname
order by login.rolname
