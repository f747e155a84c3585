select relrowsecurity, relforcerowsecurity, relreplident::text, coalesce(reloptions, '{}')::text[]
from pg_class
where oid = %(place)s::regclass
