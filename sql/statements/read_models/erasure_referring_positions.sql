-- Events that name an event by the id that it had before.
select log.id
from webhook_audit_log as log
cross join (select secret from erasure where id = %(erasure)s) as task
where log.id > %(after)s
  and log.id <= %(upto)s
  and log.metadata::text like '%%________-____-____-____-____________%%'
  and exists (
      select
      from regexp_matches(
          log.metadata::text, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'gi'
      ) as found
      where exists (
          select from webhook_audit_log as changed
          where changed.event_id = erased_event_id(task.secret, found[1]::uuid)
      )
  )
order by log.id
