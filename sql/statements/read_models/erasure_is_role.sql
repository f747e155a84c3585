select exists (
    select from webhook_audit_log
    where event_type in ('discord_role', 'discord_role_change')
      and target = any(%(words)s::text[])
)
