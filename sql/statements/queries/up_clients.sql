select distinct coalesce(nullif(application_name, ''), 'a program without a name')
from pg_stat_activity
where backend_type = 'client backend'
  and pid <> pg_backend_pid()
order by 1
