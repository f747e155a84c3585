-- The canon's questions, asked of views. Cost on a large table: none.
create view webhook_audit_trail as
select
    log.id,
    log.event_id,
    log.timestamp,
    log.event_type,
    log.user_id,
    log.action,
    log.target,
    log.metadata,
    log.source,
    case
        when exists (
            select from projection_failure as failure
            where failure.projection = 'members'
              and failure.user_id = log.user_id
              and failure.position <= log.id
        ) then null
        else (
            select batch.committed_at
            from projection_batch as batch
            where batch.projection = 'members'
              and batch.last_position >= log.id
            order by batch.last_position
            limit 1
        )
    end as processed_at,
    log.recorded_at
from webhook_audit_log as log;
comment on view webhook_audit_trail is
    'the log with processed_at: when "members" first folded the event; exact for an hour, later to the minute';

create view discord_role_directory as
select distinct on (target)
    target as role,
    coalesce(
        nullif(metadata ->> 'name', ''),
        (
            select earlier.metadata ->> 'name'
            from webhook_audit_log as earlier
            where earlier.event_type = 'discord_role'
              and earlier.target = log.target
              and earlier.metadata ->> 'name' <> ''
            order by earlier.timestamp desc, earlier.id desc
            limit 1
        )
    ) as name,
    action = 'deleted' as deleted,
    timestamp as changed_at
from webhook_audit_log as log
where event_type = 'discord_role'
  and action in ('created', 'renamed', 'deleted')
  and target <> ''
order by target, timestamp desc, id desc;
comment on view discord_role_directory is 'the name that each role has now, or had last';

create view discord_user_current_roles_named as
select
    held.user_id,
    held.role,
    coalesce(directory.name, held.role) as role_name,
    held.granted_at,
    held.granted_by,
    held.last_verified
from discord_user_current_roles as held
left join discord_role_directory as directory using (role);

grant select on webhook_audit_trail, discord_role_directory, discord_user_current_roles_named
    to temple_append, temple_project, temple_read;
