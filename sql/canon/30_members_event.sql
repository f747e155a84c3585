-- The known events as they are folded, without the positions that somebody decided to skip, or retracted.
create or replace view members_event as
select
    log.id,
    log.user_id,
    log.timestamp,
    log.action,
    log.target,
    case
        when log.action = 'added' and jsonb_typeof(log.metadata -> 'granted_by') = 'string'
        then nullif(log.metadata ->> 'granted_by', '')::varchar(100) collate "C"
    end as granted_by,
    members_refusal(
        log.timestamp, log.event_type, log.user_id, log.action, log.target, log.metadata, log.source
    ) as refusal
from webhook_audit_log as log
where members_known(log.event_type, log.action)
  and not exists (
      select from skipped_position as skipped
      where skipped.projection = 'members'
        and skipped.position = log.id
  )
  -- ranges do not overlap: the nearest one at or before the position decides
  and log.id > coalesce(
      (
          select last_position from retracted_range where first_position <= log.id
          order by first_position desc limit 1
      ),
      0
  );

grant select on members_event to temple_append, temple_project, temple_read;
