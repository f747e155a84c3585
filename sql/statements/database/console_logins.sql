-- The logins of the console, on a server that is ours alone; elsewhere whoever runs the server makes them. Each is a
-- member of what it needs, and of nothing else.
do $$
declare
    pair record;
begin
    for pair in
        values
            ('temple_console', 'temple_read'),
            ('temple_console_sign_in', 'temple_web'),
            ('temple_console_actions', 'temple_operate'),
            ('temple_console_actions', 'temple_project'),
            ('temple_console_actions', 'temple_read')
    loop
        begin
            if not exists (select from pg_roles where rolname = pair.column1) then
                execute format('create role %I login nosuperuser nocreatedb nocreaterole', pair.column1);
            end if;
            if not pg_has_role(pair.column1, pair.column2, 'member') then
                execute format('grant %I to %I', pair.column2, pair.column1);
            end if;
        exception
            -- another process makes them at the same moment
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$
