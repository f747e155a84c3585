drop table temple_adopting.webhook_audit_log;
drop table if exists temple_adopting.discord_user_current_roles, temple_adopting.temple_member_status;
drop schema temple_adopting;
drop function if exists public.sync_current_roles();
drop function if exists public.validate_ledger_consistency();
drop procedure if exists public.rebuild_derived_state_from_audit();
