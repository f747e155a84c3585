-- What 0001 says of the database itself, which no dump of its contents has.
do $$
begin
    execute format('revoke temporary on database %I from public', current_database());
    execute format('grant temporary on database %I to temple_append, temple_owner', current_database());
end
$$
