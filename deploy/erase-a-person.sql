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

    update verification
    set listed = replace(listed::text, '"' || person || '"', '"' || nobody || '"')::jsonb
    where listed::text like '%"' || person || '"%';
    update ledger_operation
    set details = replace(details::text, person, nobody)::jsonb, reason = replace(reason, person, nobody)
    where details::text like '%' || person || '%' or reason like '%' || person || '%';

    alter table inbox disable trigger inbox_keeps_untranslated;
    delete from inbox where position(convert_to(person, 'UTF8') in body) > 0 or details::text like '%' || person || '%';
    alter table inbox enable always trigger inbox_keeps_untranslated;

    -- every other table that has a column for the person: failures, frontiers, what the sources' tables know
    for holder in
        select relation.relname, attribute.attname
        from pg_class as relation
        join pg_attribute as attribute on attribute.attrelid = relation.oid
        where relation.relkind = 'r'
          and relation.relnamespace = 'public'::regnamespace
          and relation.relname <> 'webhook_audit_log'
          and attribute.attname in ('user_id', 'member_id', 'discord_id', 'discord_user_id')
          and not attribute.attisdropped
    loop
        execute format('delete from %I where %I::text = $1', holder.relname, holder.attname) using person;
    end loop;
    update discord_user_current_roles set granted_by = nobody where granted_by = person;
end
$$;
alter table webhook_audit_log enable always trigger webhook_audit_log_is_append_only;
commit;
