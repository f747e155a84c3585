-- Each type that the log has, through the index on (event_type, timestamp): a step for each of them.
with recursive kind as (
    (select event_type from webhook_audit_log order by event_type limit 1)
    union all
    select (
        select log.event_type
        from webhook_audit_log as log
        where log.event_type > kind.event_type
        order by log.event_type
        limit 1
    )
    from kind
    where kind.event_type is not null
)
select event_type from kind where event_type is not null
