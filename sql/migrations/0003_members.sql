-- The canon's two derived tables, kept by the projection "members". Cost on a large table: they are empty here.
-- Every change of a row of temple_member_status leaves room beside it for the next one (heap-only updates).
create table discord_user_current_roles (
    user_id varchar(100) collate "C" not null,
    role varchar(100) collate "C" not null,
    granted_at timestamptz not null,
    granted_by varchar(100) collate "C",
    last_verified timestamptz default now(),
    primary key (user_id, role)
);
create index idx_role_count on discord_user_current_roles (role);

create table temple_member_status (
    user_id varchar(100) collate "C" primary key,
    discord_joined_at timestamptz,
    patreon_tier varchar(50) collate "C",
    total_roles_count integer default 0,
    last_activity timestamptz,
    status varchar(20) collate "C" default 'active',
    last_sync timestamptz default now()
) with (fillfactor = 80);

grant select, insert, update, delete on discord_user_current_roles, temple_member_status to temple_project;
grant select on discord_user_current_roles, temple_member_status to temple_read, temple_append;
