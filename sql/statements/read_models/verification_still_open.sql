-- Whoever drifted when it was looked at last is looked at again: nobody may have repaired it.
select difference ->> 'user_id' as user_id
from (
    select listed
    from verification
    where projection = %(projection)s
      and version = %(version)s
    order by id desc
    limit 1
) as latest
cross join jsonb_array_elements(latest.listed) as difference
