-- Whether the login can be a superuser, or the owner of this database or of the ledger, be it by SET ROLE; and whether
-- the server is an embedded one of ours, which has a single account.
select
    session_user::text,
    exists (select from pg_roles where rolsuper and pg_has_role(session_user, oid, 'member')),
    exists (
        select
        from pg_database
        where datname = current_database()
          and pg_has_role(session_user, datdba, 'member')
    )
    or exists (select from pg_roles where rolname = 'temple_owner' and pg_has_role(session_user, oid, 'member')),
    starts_with(current_setting('cluster_name'), 'temple-ledger-')
