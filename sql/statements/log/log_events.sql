-- The rows in (after, upto], by position, at most so many, and no more once their payloads have so many bytes: at least
-- one. A time that no Python datetime can hold comes as null, not as an error. A payload that is stored compressed is
-- measured, any other one is about as long as it is stored. Without payloads there are none, and no bytes.
select
    id,
    timestamp,
    event_type,
    user_id,
    action,
    target,
    case when %(payloads)s then metadata::text end as metadata,
    source
from (
    select
        page.*,
        sum(bytes) over (order by id rows between unbounded preceding and 1 preceding) as bytes_before
    from (
        select
            id,
            occurred_at as timestamp,
            event_type,
            user_id,
            action,
            target,
            metadata,
            source,
            case
                when not %(payloads)s then 0
                when pg_column_compression(metadata) is null then pg_column_size(metadata)
                else octet_length(metadata::text)
            end as bytes
        from log_row
        where id > %(after)s and id <= %(upto)s
        order by id
        limit %(limit)s
    ) as page
) as page
where coalesce(bytes_before, 0) < %(bytes)s
order by id
