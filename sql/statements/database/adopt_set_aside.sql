-- The canon's tables go to a schema of their own, with their indexes and sequences, so that every name is free for ours.
create schema temple_adopting;
alter table public.webhook_audit_log set schema temple_adopting;
alter table if exists public.discord_user_current_roles set schema temple_adopting;
alter table if exists public.temple_member_status set schema temple_adopting;

grant usage on schema temple_adopting to temple_owner;
grant select on all tables in schema temple_adopting to temple_owner;
