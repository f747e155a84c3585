-- There from the first call on where the server counts functions (track_functions = pl).
select calls, total_time / 1000 as seconds
from pg_stat_user_functions
where funcname = 'sync_current_roles'
