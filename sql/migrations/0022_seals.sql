-- Seals: a chain of hashes over the log and over what is left out of it. Cost on a large table: none; an existing log is
-- sealed afterwards, range by range, while everything goes on (3 microseconds an event, 10 bytes an event).
create table log_seal (
    number bigint primary key,
    kind varchar(20) collate "C" not null
        check (kind in ('range', 'skip', 'unskip', 'retract', 'reinstate', 'erase', 'accept')),
    sealed_at timestamptz not null,
    first_position bigint,
    last_position bigint,
    events bigint,
    positions int8multirange not null,
    subject text,
    taken_over boolean not null default false,
    drawn bigint,
    accepts jsonb,
    leaves bytea not null default '',
    digest bytea not null,
    hash bytea not null,
    check ((kind = 'range') = (last_position is not null) and (kind = 'range') = (drawn is not null))
);
-- random bytes: there is nothing to compress, and one leaf is read without the others
alter table log_seal alter column leaves set storage external;
create unique index log_seal_range on log_seal (last_position) where kind = 'range';
create index log_seal_entry on log_seal (kind, number) where kind <> 'range';
create index log_seal_successor on log_seal using gist (positions) where kind in ('erase', 'accept');
comment on table log_seal is 'the chain: ranges of the log, and what was decided about it, each hashed with the one before';
comment on column log_seal.positions is 'of a range: those that had an event; of an entry: those it is about';
comment on column log_seal.subject is 'the projection of a skip, the number of a retraction or operation, the id of an erasure';
comment on column log_seal.taken_over is 'it was there before there were seals, and was entered with the first range';
comment on column log_seal.drawn is 'the last position that had been given by then: a greater one is recorded later';
comment on column log_seal.accepts is
    'of an acceptance: the range that was named, and seals in it that were edited, each with the hash of what it is now';
comment on column log_seal.leaves is
    'in the order of positions; of a range 8 bytes of each, to find the row; of an erasure or acceptance all 32, zeros for no row';
comment on column log_seal.digest is 'of all leaves in full; of an entry, of its journal row';

create table seal_key (
    number bigint primary key references log_seal,
    key bytea,
    opened bytea,
    closed int8multirange not null default '{}',
    check ((key is null) = (opened is not null))
);
alter table seal_key alter column opened set storage external;
comment on table seal_key is 'what the leaves of a seal are salted with';
comment on column seal_key.opened is
    'once the key is destroyed: 32 bytes for each position, its salt, or the leaf itself of a position in closed';

create table sealer (
    only_row boolean primary key default true check (only_row),
    holder uuid,
    description text,
    backend_pid integer,
    renewed_at timestamptz,
    expires_at timestamptz
) with (fillfactor = 10);
insert into sealer default values;
comment on table sealer is 'who seals, until when; whoever adds to the chain holds its row';

create table seal_proof (
    only_row boolean primary key default true check (only_row),
    next_number bigint not null default 1,
    began_at timestamptz,
    found jsonb not null default '[]',
    proven_number bigint not null default 0,
    proven_position bigint not null default 0,
    proven_at timestamptz,
    proven_found jsonb not null default '[]',
    findings bigint not null default 0
);
insert into seal_proof default values;
comment on table seal_proof is
    'how far the proof is that goes on, with what it found; proven_… is of the latest one that came to the end';

-- What a leaf is salted with. Position and key are of fixed length, so this hash is a keyed one.
create function seal_salt(key bytea, log_position bigint) returns bytea
language sql immutable parallel safe as $$
    select sha256(key || int8send(log_position))
$$;

-- The hash of an event: number, type and length of each column, null apart from empty, times in microseconds.
create function log_leaf(salt bytea, log webhook_audit_log) returns bytea
language sql stable parallel safe as $$
    select sha256(salt || record_send((
        log.id, log.event_id, log.timestamp, log.event_type, log.user_id, log.action, log.target, log.metadata,
        log.source, log.recorded_at
    )))
$$;

create function seal_hash(seal log_seal, hash_before bytea) returns bytea
language sql stable parallel safe as $$
    select sha256(coalesce(hash_before, '') || record_send((
        seal.number, seal.kind::text, seal.sealed_at, seal.first_position, seal.last_position, seal.events,
        seal.positions::text, seal.subject, seal.taken_over, seal.drawn, seal.accepts, sha256(seal.leaves),
        seal.digest
    )))
$$;

-- Which of the positions this is, from 1.
create function seal_place(positions int8multirange, wanted bigint) returns bigint
language sql immutable parallel safe as $$
    select sum(least(upper(part), wanted + 1) - lower(part))::bigint from unnest(positions) as part where lower(part) <= wanted
$$;

create function seal_positions(positions int8multirange) returns setof bigint
language sql immutable parallel safe as $$
    select log_position
    from unnest(positions) as part
    cross join lateral generate_series(lower(part), upper(part) - 1) as log_position
    order by log_position
$$;

create function seal_positions_of(positions bigint[]) returns int8multirange
language sql immutable parallel safe as $$
    select coalesce(range_agg(int8range(log_position, log_position, '[]')), '{}') from unnest(positions) as log_position
$$;

-- Puts this at the end of the chain; within a transaction that holds the row of sealer.
create function seal_add(entry log_seal) returns log_seal
language plpgsql set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    hash_before bytea;
begin
    select number + 1, hash into entry.number, hash_before from log_seal order by number desc limit 1;
    entry.number := coalesce(entry.number, 1);
    entry.sealed_at := coalesce(entry.sealed_at, clock_timestamp());
    entry.positions := coalesce(entry.positions, '{}');
    entry.taken_over := coalesce(entry.taken_over, false);
    entry.leaves := coalesce(entry.leaves, '');
    entry.hash := seal_hash(entry, hash_before);
    insert into log_seal values (entry.*);
    return entry;
end
$$;

create function seal_secret() returns bytea
language sql volatile as $$
    select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;

-- The journal row of a skip or a retraction, without what an erasure may change.
create function seal_journal_digest(kind text, subject text, positions int8multirange) returns bytea
language sql stable set search_path = public, pg_temp as $$
    select case kind
        when 'skip' then (
            select sha256(record_send((skipped.projection::text, skipped.position, skipped.skipped_at)))
            from skipped_position as skipped
            where skipped.projection = subject
              and skipped.position = lower(positions)
        )
        when 'retract' then (
            select sha256(record_send((retraction.id, retraction.import, retraction.retracted_at)))
            from log_retraction as retraction
            where retraction.id = subject::bigint
        )
        when 'erase' then (
            select sha256(record_send((erasure.id, erasure.begun_at))) from erasure where erasure.id = subject::uuid
        )
        when 'accept' then (
            select sha256(record_send((operation.id, operation.kind::text, operation.performed_at)))
            from ledger_operation as operation
            where operation.id = subject::bigint
        )
    end
$$;

-- An entry of the chain, in the transaction of the operation that it is about. Without seals there is nothing to enter
-- it into: what is there when the first range is sealed is taken over.
create function seal_enter(entry_kind text, entry_subject text, entry_positions int8multirange, takes_over boolean default false)
returns bigint
language plpgsql set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    entry log_seal%rowtype;
begin
    if not takes_over then
        perform from sealer for update;
        if not exists (select from log_seal) then
            return null;
        end if;
    end if;
    entry.kind := entry_kind;
    entry.subject := entry_subject;
    entry.positions := entry_positions;
    entry.taken_over := takes_over;
    entry.digest := coalesce(seal_journal_digest(entry_kind, entry_subject, entry_positions), sha256(''));
    return (seal_add(entry)).number;
end
$$;

create function seal_enter_skip(projection_name varchar, skipped bigint) returns bigint
language sql security definer set search_path = public, pg_temp as $$
    select seal_enter('skip', projection_name, int8multirange(int8range(skipped, skipped, '[]')))
$$;

create function seal_enter_retraction(retraction_id bigint) returns bigint
language sql security definer set search_path = public, pg_temp as $$
    select seal_enter('retract', retraction_id::text, range_agg(int8range(first_position, last_position, '[]')))
    from retracted_range
    where retraction = retraction_id
    having count(*) > 0
$$;

create function seal_enter_reinstatement(firsts bigint[], lasts bigint[]) returns bigint
language sql security definer set search_path = public, pg_temp as $$
    select seal_enter('reinstate', null, range_agg(int8range(first, last, '[]')))
    from unnest(firsts, lasts) as given (first, last)
    having count(*) > 0
$$;

create function seal_take_over() returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    found record;
begin
    for found in select projection, position from skipped_position order by projection, position loop
        perform seal_enter(
            'skip', found.projection, int8multirange(int8range(found.position, found.position, '[]')), true
        );
    end loop;
    for found in
        select retraction, range_agg(int8range(first_position, last_position, '[]')) as positions
        from retracted_range
        group by retraction
        order by retraction
    loop
        perform seal_enter('retract', found.retraction::text, found.positions, true);
    end loop;
end
$$;

-- Seals the next range: at most so many events, none above a position up to which the log is settled. No row where
-- there is nothing to seal.
create function seal_range(settled bigint, most integer default 1000)
returns table (seal bigint, sealed_position bigint, sealed_events bigint, hash bytea, sealed_at timestamptz)
language plpgsql security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    made log_seal%rowtype;
    secret bytea;
    all_leaves bytea;
begin
    perform from sealer for update;
    made.kind := 'range';
    made.first_position := 1 + coalesce(
        (select last_position from log_seal where kind = 'range' order by last_position desc limit 1), 0
    );
    select max(id), count(*)
    into made.last_position, made.events
    from (
        select id from webhook_audit_log where id >= made.first_position and id <= settled order by id limit most
    ) as next;
    if made.events = 0 then
        return;
    end if;
    if made.first_position = 1 then
        perform seal_take_over();
    end if;
    -- the time first: whatever is given a greater position than this one is recorded after it
    made.sealed_at := clock_timestamp();
    made.drawn := coalesce(pg_sequence_last_value(pg_get_serial_sequence('webhook_audit_log', 'id')), 0);
    secret := seal_secret();
    select
        sha256(string_agg(leaf, '')),
        string_agg(substr(leaf, 1, 8), ''),
        case
            when count(*) = made.last_position - made.first_position + 1
            then int8multirange(int8range(made.first_position, made.last_position, '[]'))
            else range_agg(int8range(id, id, '[]'))
        end
    into made.digest, made.leaves, made.positions
    from (
        select id, log_leaf(seal_salt(secret, id), log) as leaf
        from webhook_audit_log as log
        where id between made.first_position and made.last_position
        order by id
    ) as event;
    made := seal_add(made);
    insert into seal_key (number, key) values (made.number, secret);
    return query select made.number, made.last_position, made.events, made.hash, made.sealed_at;
end
$$;

-- The leaf that the keys of this seal give an event.
create function seal_leaf(seal_number bigint, log webhook_audit_log) returns bytea
language plpgsql stable set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    secret seal_key%rowtype;
    kept bytea;
begin
    select * into secret from seal_key where number = seal_number;
    if secret.key is not null then
        return log_leaf(seal_salt(secret.key, log.id), log);
    end if;
    kept := substr(
        secret.opened,
        (32 * (select seal_place(positions, log.id) - 1 from log_seal where number = seal_number) + 1)::integer,
        32
    );
    return case when secret.closed @> log.id then kept else log_leaf(kept, log) end;
end
$$;

-- Before these events are changed: of every seal that has one of them, what its other leaves are salted with is written
-- out, the leaves of these are kept, and its key goes.
create function seal_open(changing bigint[]) returns void
language plpgsql set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    about constant int8multirange := seal_positions_of(changing);
    seal record;
begin
    for seal in
        select log_seal.number, positions, positions * about as closing, key, opened, closed
        from log_seal
        join seal_key using (number)
        where number in (
            select number
            from unnest(changing) as wanted
            cross join lateral (
                select number from log_seal
                where kind = 'range' and last_position >= wanted
                order by last_position limit 1
            ) as nearest
            union all
            select number from log_seal where kind in ('erase', 'accept') and positions && about
        )
          and not closed @> (positions * about)
    loop
        update seal_key
        set key = null,
            closed = seal.closed + seal.closing,
            opened = (
                select string_agg(
                    case
                        when seal.closed @> each then substr(seal.opened, (32 * (place - 1) + 1)::integer, 32)
                        when seal.closing @> each then coalesce(
                            (select seal_leaf(seal.number, log) from webhook_audit_log as log where id = each),
                            decode(repeat('00', 32), 'hex')
                        )
                        when seal.key is not null then seal_salt(seal.key, each)
                        else substr(seal.opened, (32 * (place - 1) + 1)::integer, 32)
                    end,
                    '' order by place
                )
                from seal_positions(seal.positions) with ordinality as sealed (each, place)
            )
        where number = seal.number;
    end loop;
end
$$;

-- Whether an event that an erasure or an acceptance named stands as the last one of them says.
create function seal_superseded_holds(wanted bigint) returns boolean
language plpgsql stable set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    entry record;
    event webhook_audit_log%rowtype;
begin
    select number, substr(leaves, (32 * (seal_place(positions, wanted) - 1) + 1)::integer, 32) as leaf
    into entry
    from log_seal
    where kind in ('erase', 'accept') and positions @> wanted
    order by number desc
    limit 1;
    select * into event from webhook_audit_log where id = wanted;
    if not found then
        return entry.leaf = decode(repeat('00', 32), 'hex');
    end if;
    return coalesce(entry.leaf = seal_leaf(entry.number, event), false);
end
$$;

-- An entry with the leaves of these sealed positions as they stand now; zeros where there is no event.
create function seal_supersede(
    entry_kind text, entry_subject text, about int8multirange, edited_seals jsonb default null
) returns bigint
language plpgsql set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    entry log_seal%rowtype;
    secret constant bytea := seal_secret();
begin
    entry.kind := entry_kind;
    entry.subject := entry_subject;
    entry.positions := about;
    entry.accepts := edited_seals;
    entry.digest := coalesce(seal_journal_digest(entry_kind, entry_subject, about), sha256(''));
    entry.leaves := (
        select string_agg(
            coalesce(
                (select log_leaf(seal_salt(secret, log.id), log) from webhook_audit_log as log where id = each),
                decode(repeat('00', 32), 'hex')
            ),
            '' order by each
        )
        from seal_positions(about) as each
    );
    entry := seal_add(entry);
    insert into seal_key (number, key) values (entry.number, secret);
    return entry.number;
end
$$;

-- What a projection leaves out for all that the chain says; before there are seals, what the tables say.
create function left_out_by_chain(projection_name varchar)
returns table (kind text, first_position bigint, last_position bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
    entry record;
    retracted int8multirange := '{}';
    skipped int8multirange := '{}';
begin
    if not exists (select from log_seal) then
        return query
            select 'skipped', position, position from skipped_position where projection = projection_name
            union all
            select 'retracted', range.first_position, range.last_position from retracted_range as range;
        return;
    end if;
    for entry in
        select log_seal.kind, log_seal.positions, log_seal.subject
        from log_seal
        where log_seal.kind in ('skip', 'unskip', 'retract', 'reinstate')
        order by number
    loop
        case entry.kind
            when 'retract' then retracted := retracted + entry.positions;
            when 'reinstate' then retracted := retracted - entry.positions;
            when 'skip' then
                if entry.subject = projection_name then
                    skipped := skipped + entry.positions;
                end if;
            else
                if entry.subject = projection_name then
                    skipped := skipped - entry.positions;
                end if;
        end case;
    end loop;
    return query
        select 'skipped', lower(part), upper(part) - 1 from unnest(skipped) as part
        union all
        select 'retracted', lower(part), upper(part) - 1 from unnest(retracted) as part;
end
$$;

-- Compares these ranges of the log with their seals; no row where all of it holds.
create function seal_check_rows(from_number bigint, upto_number bigint)
returns table (seal bigint, finding text, first_position bigint, last_position bigint)
language plpgsql stable security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    made log_seal%rowtype;
    secret seal_key%rowtype;
    not_before timestamptz;
    whole int8multirange;
    erased int8multirange;
    accepted int8multirange;
    counted bigint;
    found_digest bytea;
    oldest timestamptz;
begin
    for made in
        select * from log_seal where number between from_number and upto_number and kind = 'range' order by number
    loop
        select * into secret from seal_key where number = made.number;
        whole := int8multirange(int8range(made.first_position, made.last_position, '[]'));
        select
            coalesce(range_agg(positions) filter (where kind = 'erase'), '{}') * whole,
            coalesce(range_agg(positions) filter (where kind = 'accept'), '{}') * whole
        into erased, accepted
        from log_seal
        where kind in ('erase', 'accept') and positions && whole;
        not_before := (
            select before.sealed_at - interval '10 seconds'
            from log_seal as before
            where before.kind = 'range' and before.last_position < made.first_position
              and before.drawn < made.first_position
            order by before.last_position desc limit 1
        );
        if isempty(erased) and isempty(accepted) and secret.key is not null then
            -- in the order of the subquery: sorting them once more takes a tenth of the time
            select count(*), sha256(string_agg(leaf, '')), min(recorded_at)
            into counted, found_digest, oldest
            from (
                select id, recorded_at, log_leaf(seal_salt(secret.key, id), log) as leaf
                from webhook_audit_log as log
                where id between made.first_position and made.last_position
                order by id
            ) as event;
            continue when counted = made.events and found_digest = made.digest
                and (not_before is null or oldest >= not_before);
        end if;
        return query
        with sealed as (
            select each, place
            from seal_positions(made.positions) with ordinality as sealed (each, place)
        ),
        standing as (
            select log.id, log
            from webhook_audit_log as log
            where log.id between made.first_position and made.last_position
        ),
        looked_at as (
            select
                coalesce(sealed.each, standing.id) as position,
                case
                    when (erased + accepted) @> coalesce(sealed.each, standing.id) then
                        case when seal_superseded_holds(coalesce(sealed.each, standing.id)) then null else 'changed' end
                    when standing.id is null then 'deleted'
                    when sealed.each is null then 'added'
                    when secret.key is null and secret.opened is null then 'key'
                    when secret.closed @> sealed.each then 'changed'
                    when substr(log_leaf(
                        case
                            when secret.key is not null then seal_salt(secret.key, sealed.each)
                            else substr(secret.opened, (32 * (sealed.place - 1) + 1)::integer, 32)
                        end,
                        standing.log
                    ), 1, 8) is distinct from substr(made.leaves, (8 * (sealed.place - 1) + 1)::integer, 8)
                        then 'changed'
                    when (standing.log).recorded_at < not_before then 'backdated'
                end as finding
            from sealed
            full join standing on standing.id = sealed.each
        ),
        kept as (
            -- what an erasure found was what had been sealed
            select sealed.each as position, 'changed' as finding
            from sealed
            where secret.closed @> sealed.each
              and not accepted @> sealed.each
              and substr(secret.opened, (32 * (sealed.place - 1) + 1)::integer, 8)
                  is distinct from substr(made.leaves, (8 * (sealed.place - 1) + 1)::integer, 8)
        )
        select made.number, each.finding, lower(part), upper(part) - 1
        from (
            select found.finding, range_agg(int8range(found.position, found.position, '[]')) as positions
            from (select * from looked_at union select * from kept) as found
            where found.finding is not null
            group by found.finding
        ) as each
        cross join lateral unnest(each.positions) as part
        order by lower(part), each.finding;
        if not found and isempty(erased) and isempty(accepted) then
            return query select made.number, 'seal', made.first_position, made.last_position;
        end if;
    end loop;
end
$$;

-- Which of these positions stand otherwise than they were sealed; those above the last seal are not looked at.
create function seal_broken(wanted bigint[]) returns setof bigint
language plpgsql stable security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    each bigint;
    made record;
    leaf bytea;
begin
    foreach each in array wanted loop
        select number, positions, first_position, leaves
        into made
        from log_seal
        where kind = 'range' and last_position >= each
        order by last_position
        limit 1;
        continue when not found;
        if exists (select from log_seal where kind in ('erase', 'accept') and positions @> each) then
            if not seal_superseded_holds(each) then
                return next each;
            end if;
            continue;
        end if;
        leaf := (select seal_leaf(made.number, log) from webhook_audit_log as log where id = each);
        if not made.positions @> each
            or leaf is null
            or substr(leaf, 1, 8)
                <> substr(made.leaves, (8 * (seal_place(made.positions, each) - 1) + 1)::integer, 8)
        then
            return next each;
        end if;
    end loop;
end
$$;

-- The chain itself: seals that are not what was chained, or do not follow each other.
create function seal_check_chain(from_number bigint, upto_number bigint)
returns table (seal bigint, finding text, first_position bigint, last_position bigint)
language plpgsql stable security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
begin
    return query
    with linked as (
        select
            made.number,
            made.kind,
            made.first_position,
            made.last_position,
            made.positions,
            seal_hash(made, made.hash) as stands,
            made.hash = seal_hash(made, lag(made.hash) over in_order)
                and made.number = 1 + lag(made.number, 1, 0::bigint) over in_order as holds
        from log_seal as made
        where made.number >= from_number - 1 and made.number <= upto_number
        window in_order as (order by made.number)
    )
    select
        linked.number,
        'seal',
        coalesce(linked.first_position, lower(linked.positions)),
        coalesce(linked.last_position, upper(linked.positions) - 1)
    from linked
    where linked.number >= from_number
      and (
          not linked.holds
          or linked.kind = 'range' and linked.first_position <> 1 + coalesce(
              (
                  select before.last_position from log_seal as before
                  where before.kind = 'range' and before.number < linked.number
                  order by before.number desc limit 1
              ),
              0
          )
      )
      and not exists (
          select
          from log_seal as entry
          where entry.kind = 'accept'
            and entry.number > linked.number
            and entry.accepts -> 'seals' ->> linked.number::text = encode(linked.stands, 'hex')
      )
    order by linked.number;
end
$$;

-- What is left out, by the chain and by the tables; and the journal rows that entries are about.
create function seal_check_entries()
returns table (seal bigint, finding text, first_position bigint, last_position bigint)
language plpgsql stable security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
begin
    if not exists (select from log_seal) then
        return;
    end if;
    return query
    with name as (
        select subject::varchar as projection from log_seal where kind in ('skip', 'unskip')
        union
        select projection from skipped_position
    ),
    by_table as (
        select name.projection, 'skip' as about, range_agg(int8range(position, position, '[]')) as positions
        from name
        join skipped_position as skipped using (projection)
        group by name.projection
        union all
        select null, 'retraction', range_agg(int8range(range.first_position, range.last_position, '[]'))
        from retracted_range as range
    ),
    by_chain as (
        select
            name.projection,
            'skip' as about,
            range_agg(int8range(left_out.first_position, left_out.last_position, '[]')) as positions
        from name
        cross join lateral left_out_by_chain(name.projection) as left_out
        where left_out.kind = 'skipped'
        group by name.projection
        union all
        select null, 'retraction', range_agg(int8range(left_out.first_position, left_out.last_position, '[]'))
        from left_out_by_chain('') as left_out
        where left_out.kind = 'retracted'
    ),
    compared as (
        select
            about,
            coalesce(by_table.positions, '{}') - coalesce(by_chain.positions, '{}') as planted,
            coalesce(by_chain.positions, '{}') - coalesce(by_table.positions, '{}') as removed
        from by_table
        full join by_chain using (projection, about)
        where by_table.projection is not null or by_chain.projection is not null
        union all
        select
            'retraction',
            coalesce((select positions from by_table where about = 'retraction'), '{}')
                - coalesce((select positions from by_chain where about = 'retraction'), '{}'),
            coalesce((select positions from by_chain where about = 'retraction'), '{}')
                - coalesce((select positions from by_table where about = 'retraction'), '{}')
    )
    select null::bigint, compared.about || ' planted', lower(part), upper(part) - 1
    from compared
    cross join lateral unnest(compared.planted) as part
    union all
    select null, compared.about || ' removed', lower(part), upper(part) - 1
    from compared
    cross join lateral unnest(compared.removed) as part
    union all
    select entry.number, 'journal', lower(entry.positions), upper(entry.positions) - 1
    from log_seal as entry
    where (
          entry.kind in ('retract', 'erase', 'accept')
          or entry.kind = 'skip' and exists (
              select from skipped_position as skipped
              where skipped.projection = entry.subject and skipped.position = lower(entry.positions)
          )
      )
      and entry.digest is distinct from
          coalesce(seal_journal_digest(entry.kind, entry.subject, entry.positions), sha256(''))
      and not exists (
          select
          from log_seal as later
          where later.kind = 'accept'
            and later.number > entry.number
            and later.accepts -> 'seals' ? entry.number::text
      );
end
$$;

-- Events above the last seal that say they were recorded before it, and triggers of the log that do not always fire.
create function seal_check_tail() returns table (seal bigint, finding text, first_position bigint, last_position bigint)
language sql stable security definer set search_path = public, pg_temp as $$
    select null::bigint, 'backdated', log.id, log.id
    from (select * from log_seal where kind = 'range' order by last_position desc limit 1) as latest
    join webhook_audit_log as log
      on log.id > greatest(latest.drawn, latest.last_position)
     and log.recorded_at < latest.sealed_at - interval '10 seconds'
    union all
    select null, 'trigger ' || wanted.name, null, null
    from unnest(array['webhook_audit_log_is_append_only', 'webhook_audit_log_stays_the_same_fact']) as wanted (name)
    where not exists (
        select from pg_trigger
        where tgrelid = 'webhook_audit_log'::regclass and tgname = wanted.name and tgenabled = 'A'
    )
$$;

-- The way back: in these positions, what stands now counts from now on. Returns how many events that is.
create function seal_accept(from_position bigint, upto_position bigint, operation bigint) returns bigint
language plpgsql security definer set search_path = public, pg_temp set client_encoding = 'UTF8' as $$
declare
    chosen constant int8multirange := int8multirange(int8range(from_position, upto_position, '[]'));
    rows int8multirange;
    edited jsonb;
    found record;
begin
    perform from sealer for update;
    select coalesce(range_agg(int8range(each.first_position, each.last_position, '[]')), '{}') * chosen
    into rows
    from log_seal as made
    cross join lateral seal_check_rows(made.number, made.number) as each
    where made.kind = 'range'
      and made.first_position <= upto_position
      and made.last_position >= from_position
      and each.finding <> 'seal';
    for found in
        select each.finding, int8multirange(int8range(each.first_position, each.last_position, '[]')) * chosen as positions
        from seal_check_entries() as each
        where each.finding in ('retraction planted', 'retraction removed')
    loop
        if not isempty(found.positions) then
            perform seal_enter(
                case found.finding when 'retraction planted' then 'retract' else 'reinstate' end, null, found.positions
            );
        end if;
    end loop;
    for found in
        select projection, position, 'skip' as kind
        from skipped_position
        where position <@ int8range(from_position, upto_position, '[]')
          and not exists (
              select from left_out_by_chain(projection) as left_out
              where left_out.kind = 'skipped' and position between left_out.first_position and left_out.last_position
          )
        union all
        select distinct entry.subject, each, 'unskip'
        from log_seal as entry
        cross join lateral seal_positions(entry.positions * chosen) as each
        where entry.kind = 'skip'
          and exists (
              select from left_out_by_chain(entry.subject::varchar) as left_out
              where left_out.kind = 'skipped' and each between left_out.first_position and left_out.last_position
          )
          and not exists (
              select from skipped_position as skipped
              where skipped.projection = entry.subject and skipped.position = each
          )
    loop
        perform seal_enter(
            found.kind, found.projection, int8multirange(int8range(found.position, found.position, '[]'))
        );
    end loop;
    edited := (
        select jsonb_object_agg(made.number::text, encode(seal_hash(made, made.hash), 'hex'))
        from (
            select each.seal, each.first_position, each.last_position
            from seal_check_chain(1, (select max(number) from log_seal)) as each
            union
            select each.seal, each.first_position, each.last_position
            from seal_check_entries() as each
            where each.finding = 'journal'
        ) as found_edited
        join log_seal as made on made.number = found_edited.seal
        where found_edited.first_position <= upto_position
          and found_edited.last_position >= from_position
    );
    perform seal_supersede(
        'accept',
        operation::text,
        rows,
        jsonb_build_object('first', from_position, 'last', upto_position, 'seals', coalesce(edited, '{}'))
    );
    return (select count(*) from seal_positions(rows));
end
$$;

create function refuse_to_change_a_seal() returns trigger language plpgsql as $$
begin
    raise exception 'log_seal is append-only: % is refused', lower(tg_op) using errcode = 'restrict_violation';
end
$$;
create trigger log_seal_is_append_only
    before update or delete on log_seal
    for each row execute function refuse_to_change_a_seal();
alter table log_seal enable always trigger log_seal_is_append_only;
create trigger log_seal_is_not_emptied
    before truncate on log_seal
    for each statement execute function refuse_to_change_a_seal();
alter table log_seal enable always trigger log_seal_is_not_emptied;

-- The only way to change events, as before; of those that are sealed the chain gets an entry.
create or replace function erase_from_log(erasure_id uuid, positions bigint[])
returns table (changed_position bigint, user_before varchar, user_after varchar)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    task erasure%rowtype;
    event webhook_audit_log%rowtype;
    other webhook_audit_log%rowtype;
    changing webhook_audit_log[] := '{}';
    sealed bigint[];
begin
    update erasure
    set working_in = pg_current_xact_id(), steps = steps + 1
    where id = erasure_id and finished_at is null
    returning * into task;
    if not found then
        raise exception 'there is no erasure % that goes on', erasure_id using errcode = 'no_data_found';
    end if;
    for event in select * from webhook_audit_log where id = any(positions) order by id loop
        other := event;
        other.user_id := coalesce(task.pseudonyms[array_position(task.words, event.user_id::text)], event.user_id);
        other.target := left(erased_text(event.target, task), 100);
        other.metadata := erased_json(event.metadata, task);
        if event.user_id = any(task.words) and jsonb_typeof(other.metadata) = 'object' then
            other.metadata := other.metadata - task.notes;
        end if;
        if other is distinct from event then
            if not exists (select from erased_position where erasure = erasure_id and position = event.id) then
                other.event_id := erased_event_id(task.secret, event.event_id);
                insert into erased_position (erasure, position) values (erasure_id, event.id);
            end if;
            changing := changing || other;
            changed_position := event.id;
            user_before := event.user_id;
            user_after := other.user_id;
            return next;
        end if;
    end loop;
    if cardinality(changing) > 0 then
        perform from sealer for update;
        sealed := array(
            select id from unnest(changing)
            where id <= (select max(last_position) from log_seal where kind = 'range')
            order by id
        );
        perform seal_open(sealed);
        update webhook_audit_log as log
        set user_id = changed.user_id,
            event_id = changed.event_id,
            target = changed.target,
            metadata = changed.metadata
        from unnest(changing) as changed
        where log.id = changed.id;
        if cardinality(sealed) > 0 then
            perform seal_supersede('erase', erasure_id::text, seal_positions_of(sealed));
        end if;
    end if;
    update erasure set working_in = null where id = erasure_id;
end
$$;

-- As before, and what the chain knows counts too: a position that was sealed is not given again.
create or replace function log_raise_sequence(outside bigint default 0) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    sequence constant regclass := pg_get_serial_sequence('webhook_audit_log', 'id')::regclass;
    known constant bigint := greatest(
        outside,
        (select max(position) from projection_checkpoint),
        (select max(last_position) from projection_batch),
        (select max(position) from projection_frontier),
        (select max(position) from projection_failure),
        (select max(position) from skipped_position),
        (select max(position) from verification),
        (select max(last_position) from log_seal where kind = 'range')
    );
begin
    if known <= coalesce(pg_sequence_last_value(sequence), 0) then
        return null;
    end if;
    -- a number is drawn under a lock that this one excludes
    lock table webhook_audit_log in share row exclusive mode;
    if known <= coalesce(pg_sequence_last_value(sequence), 0) then
        return null;
    end if;
    return setval(sequence, known);
end
$$;

create or replace function skips_void(projection_name varchar) returns setof bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    lost bigint;
begin
    for lost in
        delete from skipped_position as skipped
        where projection = projection_name
          and not exists (select from webhook_audit_log where id = skipped.position)
        returning position
    loop
        perform seal_enter('unskip', projection_name, int8multirange(int8range(lost, lost, '[]')));
        return next lost;
    end loop;
end
$$;

-- A member whose events are not what was sealed is parked too.
alter table projection_failure
    drop constraint projection_failure_kind_check,
    add constraint projection_failure_kind_check check (kind in ('event', 'version', 'time', 'long', 'changed'));
comment on column projection_failure.kind is
    'event: it cannot be folded; version: it is newer than the process that met it; time: the fold took too long; long: the member''s history is too long for a step, and is folded beside it; changed: an event of the member is not what was sealed';

grant select on log_seal, sealer, seal_proof to temple_append, temple_project, temple_read, temple_seal;
grant select on seal_key to temple_seal;
grant update (holder, description, backend_pid, renewed_at, expires_at) on sealer to temple_project, temple_seal;
grant update on seal_proof to temple_project, temple_seal;
grant select on webhook_audit_log, webhook_audit_log_id_seq, projection_checkpoint, projection_lease, ledger_operation,
    skipped_position, log_retraction, retracted_range to temple_seal;
grant insert (kind, projection, performed_by, reason, details) on ledger_operation to temple_seal;

revoke execute on function
    seal_secret(), seal_add(log_seal), seal_enter(text, text, int8multirange, boolean), seal_take_over(),
    seal_enter_skip(varchar, bigint), seal_enter_retraction(bigint), seal_enter_reinstatement(bigint[], bigint[]),
    seal_range(bigint, integer), seal_leaf(bigint, webhook_audit_log), seal_open(bigint[]),
    seal_supersede(text, text, int8multirange, jsonb), seal_superseded_holds(bigint), left_out_by_chain(varchar),
    seal_check_rows(bigint, bigint), seal_broken(bigint[]), seal_check_chain(bigint, bigint), seal_check_entries(),
    seal_check_tail(), seal_accept(bigint, bigint, bigint)
    from public;
grant execute on function
    seal_enter_skip(varchar, bigint), seal_enter_retraction(bigint), seal_enter_reinstatement(bigint[], bigint[])
    to temple_project;
grant execute on function seal_range(bigint, integer) to temple_project, temple_seal;
grant execute on function seal_accept(bigint, bigint, bigint) to temple_seal;
grant execute on function
    left_out_by_chain(varchar), seal_check_rows(bigint, bigint), seal_broken(bigint[]),
    seal_check_chain(bigint, bigint), seal_check_entries(), seal_check_tail()
    to temple_append, temple_project, temple_read, temple_seal;
