select
    relation.relname as name,
    pg_table_size(relation.oid) as bytes,
    coalesce(pg_stat_get_live_tuples(relation.oid), 0) as live,
    coalesce(pg_stat_get_dead_tuples(relation.oid), 0) as dead
from pg_class as relation
where relation.relkind = 'r'
  and relation.relnamespace = 'public'::regnamespace
order by bytes desc
limit %(limit)s
