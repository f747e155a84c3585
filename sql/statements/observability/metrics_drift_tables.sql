-- Of the latest verify of each projection, as far as it lists its differences.
select difference ->> 'table' as name, count(*) as differences
from (
    select distinct on (projection) projection, listed
    from verification
    order by projection, id desc
) as latest
cross join jsonb_array_elements(latest.listed) as difference
group by 1
