-- The tables of a ledger that was in use before Temple Ledger, with its trigger and its functions.
create table webhook_audit_log (
    id bigserial primary key,
    event_id uuid unique not null,
    timestamp timestamptz default now(),
    event_type varchar(50) not null,
    user_id varchar(100) not null,
    action varchar(50) not null,
    target varchar(100),
    metadata jsonb,
    source varchar(50) not null,
    processed_at timestamptz
);
create index idx_audit_user_timestamp on webhook_audit_log (user_id, timestamp);
create index idx_audit_event_type_timestamp on webhook_audit_log (event_type, timestamp);
create index idx_audit_processed on webhook_audit_log (processed_at);

create table discord_user_current_roles (
    user_id varchar(100) not null,
    role varchar(100) not null,
    granted_at timestamptz not null,
    granted_by varchar(100),
    last_verified timestamptz default now(),
    primary key (user_id, role)
);
create index idx_role_count on discord_user_current_roles (role);

create table temple_member_status (
    user_id varchar(100) primary key,
    discord_joined_at timestamptz,
    patreon_tier varchar(50),
    total_roles_count integer default 0,
    last_activity timestamptz,
    status varchar(20) default 'active',
    last_sync timestamptz default now()
);

create function sync_current_roles() returns trigger language plpgsql as $$
begin
    if new.event_type = 'discord_role_change' and new.action = 'added' then
        insert into discord_user_current_roles (user_id, role, granted_at, granted_by)
        values (new.user_id, new.target, new.timestamp, new.metadata ->> 'granted_by')
        on conflict (user_id, role) do update set granted_at = new.timestamp;
    elsif new.event_type = 'discord_role_change' and new.action = 'removed' then
        delete from discord_user_current_roles where user_id = new.user_id and role = new.target;
    end if;
    update webhook_audit_log set processed_at = now() where id = new.id;
    return new;
end
$$;
create trigger trigger_sync_current_roles
    after insert on webhook_audit_log
    for each row execute function sync_current_roles();

create function validate_ledger_consistency() returns table (user_id varchar(100), role varchar(100))
language sql as 'select user_id, role from discord_user_current_roles where false';
