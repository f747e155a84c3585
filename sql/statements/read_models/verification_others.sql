-- A page of members in order. The log is asked for one member after the other, so that its events are not read.
with recursive member (user_id, number) as (
    select min(user_id), 1
    from webhook_audit_log
    where user_id > %(after)s
    union all
    select (select min(log.user_id) from webhook_audit_log as log where log.user_id > member.user_id), number + 1
    from member
    where member.user_id is not null
      and number < %(limit)s
)
select user_id
from (
    select user_id from member where user_id is not null
    {tables}
) as known
order by user_id
limit %(limit)s
