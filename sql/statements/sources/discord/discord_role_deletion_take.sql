-- The deletion of this role, if no entry has said yet who deleted it; from now on this one does.
update discord_role
set deletion_entry = %(entry_id)s
where role_id = %(role_id)s
  and deleted_at is not null
  and deletion_entry is null
returning name, deleted_at
