update discord_role
set ended = true
where role_id = %(role_id)s
