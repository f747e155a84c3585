insert into discord_role (role_id, name, deleted_at, deletion_entry)
values (%(role_id)s, %(name)s, %(deleted_at)s, %(deletion_entry)s)
on conflict (role_id) do update
set name = excluded.name,
    deleted_at = excluded.deleted_at,
    deletion_entry = excluded.deletion_entry,
    ended = false
