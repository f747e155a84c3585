select relation.relname as name, owner.relname as owner, pg_relation_size(relation.oid) as bytes
from pg_class as relation
join pg_index as index on index.indexrelid = relation.oid
join pg_class as owner on owner.oid = index.indrelid
where relation.relkind = 'i'
  and relation.relnamespace = 'public'::regnamespace
order by bytes desc
limit %(limit)s
