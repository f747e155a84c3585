insert into snapshot_finding (snapshot, number, user_id, observed, loses, differences)
select %(snapshot)s, number, user_id, observed::jsonb, loses, differences::jsonb
from unnest(
    %(numbers)s::bigint[], %(user_ids)s::text[], %(observed)s::text[], %(loses)s::boolean[], %(differences)s::text[]
) as given (number, user_id, observed, loses, differences)
