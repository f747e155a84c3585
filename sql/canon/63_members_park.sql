-- Records that these events, all of one member, could not be folded, unless the member is parked before them already.
create or replace function members_park(fresh bigint[], error text) returns void
language sql as $$
    insert into projection_failure (projection, position, user_id, error)
    select 'members', log.id, log.user_id, error
    from webhook_audit_log as log
    where log.id = (select min(each) from unnest(fresh) as each)
      and not exists (
          select from projection_failure as failure
          where failure.projection = 'members'
            and failure.user_id = log.user_id
            and failure.position <= log.id
      )
$$;

revoke execute on function members_park(bigint[], text) from public;
