-- Records that these events, all of one member, could not be folded. Always, also where the member is parked already:
-- somebody may be folding it again who does not see these events yet.
create or replace function members_park(fresh bigint[], error text) returns void
language sql as $$
    insert into projection_failure (projection, version, position, user_id, error)
    select 'members', members_rules_version(), id, user_id, error
    from webhook_audit_log
    where id = any(fresh)
    order by id
    limit 1
    on conflict (projection, version, position) do nothing
$$;

revoke execute on function members_park(bigint[], text) from public;
