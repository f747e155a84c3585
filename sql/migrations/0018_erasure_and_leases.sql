-- Erasing a person: the one exception to the append-only log; and when a lease is over. Cost on a large table: none; the
-- log gets a second trigger, for which appends wait as long as its catalogue entry takes.
create table erasure (
    id uuid primary key default gen_random_uuid(),
    begun_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    steps bigint not null default 0,
    working_in xid8,
    searched_position bigint not null default 0,
    words text[],
    pseudonyms text[],
    notes text[],
    secret bytea,
    check ((finished_at is null) = (words is not null)),
    check ((words is null) = (secret is null) and (words is null) = (pseudonyms is null))
);
comment on table erasure is
    'erasures; words, pseudonyms and secret are there only until it is finished, so that a killed one goes on';
comment on column erasure.steps is 'how often it changed events: a rebuild that began before is void';
comment on column erasure.working_in is 'the transaction whose updates of the log pass, while the function is at work';
comment on column erasure.words is 'the ids of the person, the longest first; pseudonyms stand in the same order';
comment on column erasure.notes is 'keys of metadata that lead a source back to the person: they go';

create table erased_position (
    erasure uuid not null references erasure,
    position bigint not null,
    primary key (erasure, position)
);
create index on erased_position (position);
comment on table erased_position is
    'events that an erasure changed: where a seal of the log asks which rows may differ from their leaves';

grant select (id, begun_at, finished_at, steps) on erasure to temple_append, temple_project, temple_read;
grant select on erased_position to temple_append, temple_project, temple_read;

create or replace function refuse_to_change_the_log() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and current_user = 'temple_owner' then
        if exists (select from erasure where working_in = pg_current_xact_id_if_assigned()) then
            return null;
        end if;
    end if;
    raise exception 'webhook_audit_log is append-only: % is refused', lower(tg_op)
        using errcode = 'restrict_violation',
              hint = 'append an event that corrects the fact; to erase a person: temple member erase ID';
end
$$;

create function refuse_to_change_a_fact() returns trigger language plpgsql as $$
begin
    if (old.id, old.timestamp, old.event_type, old.action, old.source, old.recorded_at)
        is distinct from (new.id, new.timestamp, new.event_type, new.action, new.source, new.recorded_at)
    then
        raise exception 'webhook_audit_log is append-only: an erasure changes user_id, event_id, target and metadata'
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;
create trigger webhook_audit_log_stays_the_same_fact
    before update on webhook_audit_log
    for each row execute function refuse_to_change_a_fact();
alter table webhook_audit_log enable always trigger webhook_audit_log_stays_the_same_fact;

-- Which id an event gets in the place of its own. The secret goes when the erasure is finished: from then on it is as
-- random as any, and until then every copy of the old one can be found and replaced.
create function erased_event_id(secret bytea, event_id uuid) returns uuid
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
    select overlay(overlay(
        encode(substr(sha256(secret || uuid_send(event_id)), 1, 16), 'hex') placing '4' from 13) placing 'a' from 17
    )::uuid
$$;

-- A text without the person: each id that stands in it as a word, and each id of an event that was changed.
create function erased_text(value text, task erasure) returns text
language plpgsql stable set search_path = public, pg_temp as $$
declare
    word text;
    place integer := 0;
    known text;
begin
    if value is null then
        return null;
    end if;
    foreach word in array task.words loop
        place := place + 1;
        if value = word then
            return task.pseudonyms[place];
        elsif strpos(value, word) > 0 then
            value := regexp_replace(
                value,
                -- a short id may be the number of somebody else's, as in patreon:123
                case when length(word) < 15 then '(?<![[:alnum:]_:])' else '(?<![[:alnum:]_])' end
                    || regexp_replace(word, '([^[:alnum:]])', '\\\1', 'g') || '(?![[:alnum:]_])',
                task.pseudonyms[place],
                'g'
            );
        end if;
    end loop;
    if value like '%________-____-____-____-____________%' then
        for known in
            select distinct matched[1]
            from regexp_matches(value, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'gi') as matched
        loop
            if exists (select from webhook_audit_log where event_id = erased_event_id(task.secret, known::uuid)) then
                value := replace(value, known, erased_event_id(task.secret, known::uuid)::text);
            end if;
        end loop;
    end if;
    return value;
end
$$;

-- The same of all keys, texts and long numbers in a value of JSON.
create function erased_json(value jsonb, task erasure) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    place integer;
begin
    case jsonb_typeof(value)
        when 'object' then
            return (
                select coalesce(jsonb_object_agg(erased_text(key, task), erased_json(part, task)), '{}')
                from jsonb_each(value) as each (key, part)
            );
        when 'array' then
            return (
                select coalesce(jsonb_agg(erased_json(part, task) order by number), '[]')
                from jsonb_array_elements(value) with ordinality as each (part, number)
            );
        when 'string' then
            return to_jsonb(erased_text(value #>> '{}', task));
        when 'number' then
            -- a short one is more likely an amount
            place := array_position(task.words, value #>> '{}');
            if place is not null and length(value #>> '{}') >= 15 then
                return to_jsonb(task.pseudonyms[place]);
            end if;
        else
            null;
    end case;
    return value;
exception
    -- nested more deeply than any program of ours reads
    when statement_too_complex then return '{}';
end
$$;

-- How a text of JSON or a list of texts is searched for the ids before it is looked at closely.
create function erasure_patterns(words text[]) returns text[]
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select array_agg('%' || regexp_replace(trim(both '"' from to_jsonb(word)::text), '([\\%_])', '\\\1', 'g') || '%')
    from unnest(words) as word
$$;

-- Whether one of the ids stands in the bytes; a short one not as a part of a longer word.
create function erasure_in_bytes(body bytea, words text[]) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
    select exists (
        select
        from (select word, trim(both '"' from to_jsonb(word)::text) as written from unnest(words) as word) as given
        where position(convert_to(written, 'UTF8') in body) > 0
          and (
              length(written) >= 15
              or written ~ '[^[:ascii:]]'
              or regexp_replace(encode(body, 'escape'), '\\[0-7]{3}', ' ', 'g')
                  ~ ('(?<![[:alnum:]_])' || regexp_replace(written, '([^[:alnum:]])', '\\\1', 'g') || '(?![[:alnum:]_])')
          )
    )
$$;

-- Changes these events, those of them that name the person, or an event that was changed; returns of each its position
-- and whose it was and is. A seal's entry belongs here: the leaf of each row as it stands afterwards.
create function erase_from_log(erasure_id uuid, positions bigint[])
returns table (changed_position bigint, user_before varchar, user_after varchar)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    task erasure%rowtype;
    event webhook_audit_log%rowtype;
    other webhook_audit_log%rowtype;
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
            update webhook_audit_log
            set user_id = other.user_id, event_id = other.event_id, target = other.target, metadata = other.metadata
            where id = event.id;
            changed_position := event.id;
            user_before := event.user_id;
            user_after := other.user_id;
            return next;
        end if;
    end loop;
    update erasure set working_in = null where id = erasure_id;
end
$$;
comment on function erase_from_log is 'the only way to change events; see docs/privacy.md';

-- Empties these deliveries where they name the person: what waits is never translated, so it brings nobody back.
create function erase_from_inbox(erasure_id uuid, after_id bigint, upto_id bigint) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    task erasure%rowtype;
    emptied bigint;
begin
    select * into strict task from erasure where id = erasure_id and finished_at is null;
    update inbox
    set body = '',
        details = '{}',
        -- of a webhook it is an unkeyed hash of the body
        digest = sha256(uuid_send(gen_random_uuid())),
        state = case when state in ('waiting', 'failed') then 'set_aside' else state end,
        note = 'erased'
    where id > after_id
      and id <= upto_id
      and (
          erasure_in_bytes(body, task.words)
          or erasure_in_bytes(convert_to(details::text, 'UTF8'), task.words)
          or erased_text(origin, task) is distinct from origin
          or erased_text(note, task) is distinct from note
      );
    get diagnostics emptied = row_count;
    return emptied;
end
$$;

-- Rows that are about the person, by these columns, go; where an id stands beside something else, it alone goes. Returns
-- how many rows that was.
create function erase_from_table(erasure_id uuid, table_name text, about text[]) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    task erasure%rowtype;
    part record;
    done bigint;
    total bigint := 0;
begin
    select * into strict task from erasure where id = erasure_id and finished_at is null;
    for part in
        select
            attname as name,
            format_type(atttypid, null) as type,
            attname = any(about) as is_about,
            attnotnull as needed,
            case when atttypid = 'varchar'::regtype and atttypmod > 4 then atttypmod - 4 end as room
        from pg_attribute
        where attrelid = to_regclass(quote_ident(table_name))
          and attnum > 0
          and not attisdropped
          and attgenerated = ''
          and atttypid in ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype, 'uuid'::regtype, 'text[]'::regtype)
        order by attname = any(about) desc, attnum
    loop
        if part.is_about then
            execute format('delete from %I where %I::text = any($1)', table_name, part.name) using task.words;
        elsif part.type = 'jsonb' then
            execute format(
                'update %1$I set %2$I = erased_json(%2$I, $1) where (%2$I::text like any($2) or %2$I::text like $3)'
                ' and erased_json(%2$I, $1) is distinct from %2$I',
                table_name, part.name
            ) using task, erasure_patterns(task.words), '%________-____-____-____-____________%';
        elsif part.type = 'uuid' then
            execute format(
                'update %1$I set %2$I = erased_event_id($1, %2$I) where exists ('
                'select from webhook_audit_log as log where log.event_id = erased_event_id($1, %1$I.%2$I))',
                table_name, part.name
            ) using task.secret;
        elsif part.type = 'text[]' then
            execute format(
                'update %1$I set %2$I = array(select erased_text(each, $1) from unnest(%2$I) as each) where %2$I && $2',
                table_name, part.name
            ) using task, task.words;
        else
            -- what the column has no room for goes as well
            if part.needed then
                execute format(
                    'delete from %1$I where %2$I = any($2) and length(erased_text(%2$I, $1)) > $3',
                    table_name, part.name
                ) using task, task.words, part.room;
                get diagnostics done = row_count;
                total := total + done;
            end if;
            execute format(
                'update %1$I set %2$I = case when length(erased_text(%2$I, $1)) > $2 and not $3 then null'
                ' else left(erased_text(%2$I, $1), coalesce($2, 2147483647)) end'
                ' where (%2$I like any($4) or %2$I like $5) and erased_text(%2$I, $1) is distinct from %2$I',
                table_name, part.name
            ) using task, part.room, part.needed,
                array(select '%' || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%' from unnest(task.words) as word),
                '%________-____-____-____-____________%';
        end if;
        get diagnostics done = row_count;
        total := total + done;
    end loop;
    return total;
end
$$;

revoke execute on function
    erase_from_log(uuid, bigint[]), erase_from_inbox(uuid, bigint, bigint), erase_from_table(uuid, text, text[])
    from public;

-- Its time is over, or its end is further away than a lease lasts: the clock stepped back since. A second apart, two
-- readings of the clock may be out of order.
create function lease_is_over(lease projection_lease) returns boolean
language sql volatile parallel safe as $$
    select lease.expires_at <= clock_timestamp()
        or lease.renewed_at > clock_timestamp() + interval '1 second'
$$;
