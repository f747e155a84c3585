-- Whether anybody holds this role, or was ever given it.
select
    exists (select from discord_user_current_roles where role = %(role)s)
    or exists (
        select from webhook_audit_log
        where event_type = 'discord_role_change'
          and target = %(role)s
    )
