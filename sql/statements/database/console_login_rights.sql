select
    session_user::text,
    login.rolsuper or login.rolcreaterole or login.rolcreatedb or login.rolreplication or login.rolbypassrls,
    array(
        select other.rolname::text
        from pg_roles as other
        where other.oid <> login.oid
          and pg_has_role(login.oid, other.oid, 'member')
    )
from pg_roles as login
where login.rolname = session_user
