-- Positions that stand between the first and the last one of a chunk may be somebody else's: an appender draws from the
-- same sequence. So the events themselves are asked, but where there are as many of them as positions.
insert into log_import_range (import, first_position, last_position)
select %(import)s, min(id), max(id)
from (
    select id, id - row_number() over (order by id) as island
    from webhook_audit_log
    where event_id = any(%(event_ids)s::uuid[])
) as own
group by island
