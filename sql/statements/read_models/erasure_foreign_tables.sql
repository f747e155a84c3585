-- Tables beside ours that belong to somebody else: an erasure does not reach them.
select relname::text
from pg_class
where relkind in ('r', 'p', 'm')
  and relnamespace = 'public'::regnamespace
  and relowner <> 'temple_owner'::regrole
order by relname
