-- What the migrations say of the database itself, which no dump of its contents has.
do $$
begin
    if starts_with(current_setting('cluster_name'), 'temple-ledger-') then
        execute format('revoke temporary on database %I from public', current_database());
    end if;
    execute format('grant temporary on database %I to temple_append, temple_owner', current_database());
end
$$
