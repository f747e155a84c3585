-- What a fold asks of the seals no longer looks through a whole acceptance or erasure for each event.
-- Cost on a large table: none, a function only.

-- Of these positions, which are all among *positions*: the place that each has there, from 1. One pass over both.
create function seal_places(positions int8multirange, wanted int8multirange)
returns table (log_position bigint, place bigint)
language sql immutable parallel safe set search_path = public, pg_temp as $$
    select marked.wanted, marked.at - marked.first + marked.before + 1
    from (
        select
            mark.at,
            mark.wanted,
            max(mark.at) filter (where mark.wanted is null) over passed as first,
            max(mark.before) over passed as before
        from (
            select
                lower(part),
                null::bigint,
                (sum(upper(part) - lower(part)) over (order by part) - (upper(part) - lower(part)))::bigint
            from unnest(positions) as part
            union all
            select each, each, null from seal_positions(wanted) as each
        ) as mark (at, wanted, before)
        window passed as (order by mark.at, mark.wanted nulls first rows unbounded preceding)
    ) as marked
    where marked.wanted is not null
$$;
comment on function seal_places is 'the places of some positions among all of them, from 1';

create or replace function seal_changed_of(members varchar[], upto bigint)
returns table (member varchar, log_position bigint)
language plpgsql stable security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    entry record;
    secret seal_key%rowtype;
    asked int8multirange := '{}';
    named int8multirange := '{}';
    here int8multirange;
    changed bigint[] := '{}';
begin
    if not exists (select from log_seal) then
        return;
    end if;
    if exists (select from log_seal where kind in ('erase', 'accept')) then
        asked := seal_positions_of(array(
            select id from webhook_audit_log where user_id = any(members) and id <= upto
        ));
    end if;
    -- the last entry that names an event says what it has to be
    for entry in
        -- put together once: a slice of what is stored apart is looked up anew for each event
        select number, positions, leaves || ''::bytea as leaves
        from log_seal
        where kind in ('erase', 'accept') and positions && asked
        order by number desc
    loop
        here := (asked - named) * entry.positions;
        continue when isempty(here);
        named := named + here;
        select number, key, opened || ''::bytea, closed into secret from seal_key where number = entry.number;
        changed := changed || array(
            select event.id
            from seal_places(entry.positions, here) as sealed
            join webhook_audit_log as event on event.id = sealed.log_position
            where substr(entry.leaves, (32 * (sealed.place - 1) + 1)::integer, 32) is distinct from
                case
                    when secret.key is not null then log_leaf(seal_salt(secret.key, event.id), event)
                    when secret.closed @> event.id
                        then substr(secret.opened, (32 * (sealed.place - 1) + 1)::integer, 32)
                    else log_leaf(substr(secret.opened, (32 * (sealed.place - 1) + 1)::integer, 32), event)
                end
        );
    end loop;
    return query
    select found.user_id, min(found.id)
    from (
        select event.user_id, event.id
        from webhook_audit_log as event
        cross join lateral (
            -- the range that it belongs to; none where it is not sealed yet
            select number, positions, leaves, first_position, events = last_position - first_position + 1 as is_dense
            from log_seal
            where kind = 'range' and last_position >= event.id
            order by last_position
            limit 1
        ) as made
        left join seal_key as opening on opening.number = made.number
        where event.user_id = any(members)
          and event.id <= upto
          and not named @> event.id
          and case
              when opening.key is null and opening.opened is null or opening.closed @> event.id
                  then true
              when made.is_dense and opening.key is not null
                  then substr(log_leaf(seal_salt(opening.key, event.id), event), 1, 8)
                      <> substr(made.leaves, (8 * (event.id - made.first_position) + 1)::integer, 8)
              else not made.positions @> event.id
                  or substr(seal_leaf(made.number, event), 1, 8) is distinct from substr(
                      made.leaves, (8 * (seal_place(made.positions, event.id) - 1) + 1)::integer, 8
                  )
          end
        union all
        select event.user_id, event.id
        from webhook_audit_log as event
        where event.id = any(changed)
    ) as found
    group by found.user_id;
end
$$;

revoke execute on function seal_places(int8multirange, int8multirange) from public;
