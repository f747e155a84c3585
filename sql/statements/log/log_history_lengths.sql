-- How many events each member has, of at most %(most)s: from the index alone, so that no page of the log is read for it.
select member.user_id, history.events, 0::bigint as bytes, 0::bigint as largest
from unnest(%(user_ids)s::varchar[]) as member (user_id)
cross join lateral (
    select count(*) as events
    from (
        select
        from webhook_audit_log
        where user_id = member.user_id
        limit %(most)s
    ) as event
) as history
