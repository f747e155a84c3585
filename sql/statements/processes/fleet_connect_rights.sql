-- Whether everybody on this server may connect to this database, and who logs in here now.
select
    has_database_privilege('public', current_database(), 'CONNECT') as everybody,
    current_database() as database,
    session_user as login
