insert into discord_role (role_id, name, deleted_at)
values (%(role_id)s, %(name)s, %(deleted_at)s)
on conflict (role_id) do update
set name = excluded.name,
    deleted_at = excluded.deleted_at,
    ended = false
