-- As log_events, of these positions alone.
select
    id,
    timestamp,
    event_type,
    user_id,
    action,
    target,
    metadata::text,
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
                when pg_column_compression(metadata) is null then pg_column_size(metadata)
                else octet_length(metadata::text)
            end as bytes
        from log_row
        where id = any(%(positions)s::bigint[])
    ) as page
) as page
where coalesce(bytes_before, 0) < %(bytes)s
order by id
