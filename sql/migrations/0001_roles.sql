-- Who may do what. Run as the login that owns the database; everything after runs as temple_owner.
-- Cost on a large table: none.
do $$
declare
    name text;
begin
    foreach name in array array['temple_owner', 'temple_append', 'temple_project', 'temple_read'] loop
        begin
            if not exists (select from pg_roles where rolname = name) then
                execute format('create role %I nologin', name);
            end if;
        exception
            -- another database of this cluster was migrated at the same moment
            when duplicate_object or unique_violation then null;
        end;
        if not pg_has_role(current_user, name, 'member') then
            execute format('grant %I to %I', name, current_user);
        end if;
    end loop;
    execute format('revoke temporary on database %I from public', current_database());
    -- a bulk import stages its lines in a temporary table
    execute format('grant temporary on database %I to temple_append, temple_owner', current_database());
end
$$;

grant usage, create on schema public to temple_owner;
grant usage on schema public to temple_append, temple_project, temple_read;
