select
    failure.projection,
    failure.version,
    checkpoint.active,
    failure.position,
    failure.user_id,
    failure.error,
    failure.kind,
    failure.frames,
    failure.attempts,
    failure.parked_at,
    log.event_type,
    log.action,
    log.target,
    log.metadata::text,
    (
        select count(*)
        from webhook_audit_log as waiting
        where waiting.user_id = failure.user_id
          and waiting.id >= failure.position
          and (waiting.id <= checkpoint.position or checkpoint.state = 'trigger')
    ) as waiting
from projection_failure as failure
join projection_checkpoint as checkpoint using (projection, version)
left join lateral (
    select * from webhook_audit_log where webhook_audit_log.id = failure.position
    offset 0
) as log on true
where (%(projection)s::text is null or failure.projection = %(projection)s)
  and (%(version)s::integer is null or failure.version = %(version)s)
  and (%(user_id)s::text is null or failure.user_id = %(user_id)s)
  and (%(position)s::bigint is null or failure.position = %(position)s)
order by failure.projection, failure.version, failure.position
