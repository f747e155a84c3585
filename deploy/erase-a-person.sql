-- Takes a person's id out of the ledger: psql --set=person=ID --file=erase-a-person.sql
-- docs/runbooks/erasing-a-person.md says what comes before and after.
\set ON_ERROR_STOP on
begin;
set local role temple_owner;
select set_config('temple.person', :'person', true) \g /dev/null

alter table webhook_audit_log disable trigger webhook_audit_log_is_append_only;
do $$
declare
    person constant text := current_setting('temple.person');
    nobody constant text := 'erased:' || gen_random_uuid();
    kept constant text[] := array['granted_by', 'by', 'reason', 'event_version'];
    holder record;
begin
    update webhook_audit_log
    set user_id = nobody,
        metadata = (
            select jsonb_object_agg(key, value)
            from jsonb_each(case jsonb_typeof(metadata) when 'object' then metadata else '{}' end)
            where key = any(kept) and value <> to_jsonb(person)
        )
    where user_id = person;
    raise notice 'events: % are nobody''s now, %', (select count(*) from webhook_audit_log where user_id = nobody), nobody;

    -- as the actor, and wherever else the id stands in an event
    update webhook_audit_log
    set metadata = replace(metadata::text, '"' || person || '"', '"' || nobody || '"')::jsonb
    where metadata::text like '%"' || person || '"%';

    alter table inbox disable trigger inbox_keeps_untranslated;
    delete from inbox where position(convert_to(person, 'UTF8') in body) > 0;

    -- every other table: rows about the person go; where the id stands beside something else, it alone goes
    for holder in
        select relation.relname as name, attribute.attname as part, attribute.attnotnull as needed,
               attribute.atttypid = 'jsonb'::regtype as is_json,
               attribute.attname in ('user_id', 'discord_id', 'patreon_id') as is_about
        from pg_class as relation
        join pg_attribute as attribute on attribute.attrelid = relation.oid
        where relation.relkind = 'r'
          and relation.relnamespace = 'public'::regnamespace
          and relation.relname <> 'webhook_audit_log'
          and attribute.attnum > 0
          and not attribute.attisdropped
          and attribute.atttypid in ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype)
        order by is_about desc, relation.relname
    loop
        if holder.is_about then
            execute format('delete from %I where %I = $1', holder.name, holder.part) using person;
        elsif holder.is_json then
            execute format('update %I set %I = replace(%2$I::text, $1, $2)::jsonb where %2$I::text like $3',
                           holder.name, holder.part)
                using '"' || person || '"', '"' || nobody || '"', '%"' || person || '"%';
        elsif holder.needed then
            execute format('update %I set %I = left(replace(%2$I, $1, ''erased''), 100) where %2$I like $2',
                           holder.name, holder.part)
                using person, '%' || person || '%';
        else
            execute format('update %I set %I = null where %2$I like $1', holder.name, holder.part)
                using '%' || person || '%';
        end if;
    end loop;
    alter table inbox enable always trigger inbox_keeps_untranslated;
end
$$;
alter table webhook_audit_log enable always trigger webhook_audit_log_is_append_only;
commit;
