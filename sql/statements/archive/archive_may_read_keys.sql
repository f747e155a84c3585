-- Whether this login may take the role that reads what the seals are salted with.
select pg_has_role(session_user, 'temple_seal', 'member')::integer
