-- Ids of the log behind one, in the order of their bytes, at most so many; each is one probe of the index.
with recursive found as (
    (select user_id from webhook_audit_log where user_id > %(after)s order by user_id limit 1)
    union all
    select (select user_id from webhook_audit_log where user_id > found.user_id order by user_id limit 1)
    from found
    where found.user_id is not null
)
select user_id from found where user_id is not null limit %(limit)s
