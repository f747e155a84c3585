-- role, what, whether it may, whether it should, and the SQL that makes it so
select role, what, may, should, case when should then 'grant ' || privilege || ' to ' else 'revoke ' || privilege || ' from ' end || role
from unnest(array['temple_append', 'temple_translate', 'temple_project', 'temple_read']) as role
cross join lateral (
    values
        (
            'append to the log',
            has_column_privilege(role, 'webhook_audit_log', 'event_id', 'insert'),
            role in ('temple_append', 'temple_translate'),
            'insert (event_id, timestamp, event_type, user_id, action, target, metadata, source) on webhook_audit_log'
        ),
        (
            'say when the log took an event',
            has_column_privilege(role, 'webhook_audit_log', 'recorded_at', 'insert'),
            false,
            'insert (recorded_at) on webhook_audit_log'
        ),
        ('read the log', has_table_privilege(role, 'webhook_audit_log', 'select'), true, 'select on webhook_audit_log'),
        (
            'write the derived tables',
            has_table_privilege(role, 'temple_member_status', 'insert'),
            role = 'temple_project',
            'insert, update, delete on temple_member_status, discord_user_current_roles'
        ),
        (
            'move a checkpoint',
            has_table_privilege(role, 'projection_checkpoint', 'update'),
            role = 'temple_project',
            'insert, update, delete on projection_checkpoint'
        ),
        (
            'mark what is translated',
            has_column_privilege(role, 'inbox', 'state', 'update'),
            role = 'temple_translate',
            'update (state, note, translated_at) on inbox'
        )
) as rule (what, may, should, privilege)
union all
select rolname::text, 'be logged in as', rolcanlogin, false, 'alter role ' || rolname || ' nologin'
from pg_roles
where rolname = any(%(roles)s)
