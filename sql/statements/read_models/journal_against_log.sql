-- Ranges of the journal in which the log has another number of events than were passed, when they were folded first.
select after_position, last_position, events, in_log
from (
    select
        coalesce(lag(last_position) over (order by last_position), 0) as after_position,
        last_position,
        events
    from projection_batch
    where projection = %(projection)s
      and version = %(version)s
      and last_position <= %(position)s
) as passed
cross join lateral (
    select count(*) as in_log
    from webhook_audit_log
    where id > passed.after_position
      and id <= passed.last_position
) as counted
where events <> in_log
order by last_position
limit 10
