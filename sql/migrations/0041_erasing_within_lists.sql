-- An erasure replaces an id that stands within an element of a list of texts, as it does within a text.
-- Cost on a large table: none, a function only.

-- Rows that are about the person, by these columns, go; where an id stands beside something else, it alone goes. Returns
-- how many rows that was.
create or replace function erase_from_any_table(erasure_id uuid, table_name text, about text[]) returns bigint
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
                'update %1$I set %2$I = array(select erased_text(each, $1) from unnest(%2$I) as each)'
                ' where exists (select from unnest(%2$I) as each where erased_text(each, $1) is distinct from each)',
                table_name, part.name
            ) using task;
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
