-- How much of each member's history there is up to a position, of at most %(most)s events: how many, how many bytes of
-- payload as text, and the largest payload. A payload that is stored compressed is measured, any other one is about as
-- long as it is stored.
select member.user_id, history.events, history.bytes, history.largest
from unnest(%(user_ids)s::varchar[]) as member (user_id)
cross join lateral (
    select
        count(*) as events,
        coalesce(sum(bytes), 0)::bigint as bytes,
        coalesce(max(bytes), 0)::bigint as largest
    from (
        select
            case
                when pg_column_compression(metadata) is null then pg_column_size(metadata)
                else octet_length(metadata::text)
            end as bytes
        from webhook_audit_log
        where user_id = member.user_id and id <= %(upto)s
        limit %(most)s
    ) as payload
) as history
