-- Our roles that are not there, where this login may not create them.
select role
from unnest(%(roles)s::text[]) as role
where not exists (select from pg_roles where rolname = role)
  and not (select rolsuper or rolcreaterole from pg_roles where rolname = session_user)
order by role
