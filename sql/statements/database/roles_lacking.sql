-- Our roles that are there and that this login may not take. From PostgreSQL 16 on, who creates a role administers it
-- but is no member that may take it.
select rolname::text
from pg_roles
where rolname = any(%(roles)s)
  and not pg_has_role(
      session_user,
      oid,
      case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end
  )
order by rolname
