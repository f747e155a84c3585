-- Whether temple_owner may not make tables, or another of our roles may not reach them. Where the schema is not the
-- login's, a grant on it is only warned of.
select coalesce(bool_or(not has_schema_privilege(
    oid, 'public', case rolname when 'temple_owner' then 'create' else 'usage' end
)), false)
from pg_roles
where rolname = any(%(roles)s)
