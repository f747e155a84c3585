select
    polname::text,
    polpermissive,
    case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
    array(select case when role = 0 then null else pg_get_userbyid(role)::text end from unnest(polroles) as role),
    pg_get_expr(polqual, polrelid),
    pg_get_expr(polwithcheck, polrelid)
from pg_policy
where polrelid = %(place)s::regclass
order by polname
