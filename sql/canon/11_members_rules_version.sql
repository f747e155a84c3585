-- Which version of the rules of "members" is written down here.
create or replace function members_rules_version() returns integer
language sql immutable parallel safe as 'select 1';
