-- What a fold asks of the seals, set by set. Cost on a large table: none, functions only.
drop function seal_broken(bigint[]);

-- Of these members, the events up to a position that are not what was sealed; the first of each.
create function seal_changed_of(members varchar[], upto bigint) returns table (member varchar, log_position bigint)
language plpgsql stable security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
begin
    if not exists (select from log_seal) then
        return;
    end if;
    return query
    select event.user_id, min(event.id)
    from webhook_audit_log as event
    cross join lateral (
        -- the range that it belongs to; none where it is not sealed yet
        select number, positions, leaves, first_position, events = last_position - first_position + 1 as is_dense
        from log_seal
        where kind = 'range' and last_position >= event.id
        order by last_position
        limit 1
    ) as made
    left join seal_key as secret on secret.number = made.number
    where event.user_id = any(members)
      and event.id <= upto
      and case
          when exists (select from log_seal where kind in ('erase', 'accept') and positions @> event.id)
              then not seal_superseded_holds(event.id)
          when secret.key is null and secret.opened is null or secret.closed @> event.id
              then true
          when made.is_dense and secret.key is not null
              then substr(log_leaf(seal_salt(secret.key, event.id), event), 1, 8)
                  <> substr(made.leaves, (8 * (event.id - made.first_position) + 1)::integer, 8)
          else not made.positions @> event.id
              or substr(seal_leaf(made.number, event), 1, 8) is distinct from substr(
                  made.leaves, (8 * (seal_place(made.positions, event.id) - 1) + 1)::integer, 8
              )
      end
    group by event.user_id;
end
$$;
comment on function seal_changed_of is 'of each of these members, the first event that is not what was sealed';

-- Whether the log has fewer events than were sealed, other than somebody accepted.
create function seal_has_lost() returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
    select exists (
        select
        from log_seal as made
        where made.kind = 'range'
          and made.events > (
              select count(*) from webhook_audit_log where id between made.first_position and made.last_position
          )
          and exists (select from seal_check_rows(made.number, made.number) as each where each.finding = 'deleted')
    )
$$;
comment on function seal_has_lost is 'whether events are missing that were sealed; as long as counting them takes';

revoke execute on function seal_changed_of(varchar[], bigint), seal_has_lost() from public;
grant execute on function seal_changed_of(varchar[], bigint), seal_has_lost()
    to temple_append, temple_project, temple_read, temple_seal;
