-- Every position that a prepared transaction drew stays undecided, and readers wait there.
select gid, extract(epoch from clock_timestamp() - prepared)::double precision as age_seconds
from pg_prepared_xacts
where database = current_database()
order by prepared
