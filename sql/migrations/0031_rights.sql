-- Rights as narrow as they can be. Run as the login, which gives back what 0001 took from PUBLIC; what follows belongs to
-- temple_owner. Cost on a large table: none; each statement needs a short lock of the table it names.

-- 0001 took from everybody the right to make temporary tables. That is ours to say in a database that we made, and in no
-- other. Where this session has applied 0001, it is given back already if it was there (migrations.py); in an older
-- ledger nobody recorded it. By default PUBLIC has it, together with CONNECT: where an administrator has taken CONNECT,
-- temporary tables were taken with it, and stay so.
do $$
declare
    begun constant timestamptz := (select backend_start from pg_stat_activity where pid = pg_backend_pid());
    is_older boolean;
begin
    -- the login may inherit nothing
    set local role temple_owner;
    is_older := exists (select from ledger_migration where number = 1 and applied_at < begun);
    set local role none;
    if is_older
        and not starts_with(current_setting('cluster_name'), 'temple-ledger-')
        and exists (
            select
            from pg_database
            cross join lateral aclexplode(datacl) as acl
            where datname = current_database()
              and acl.grantee = 0
              and acl.privilege_type = 'CONNECT'
        )
    then
        execute format('grant temporary on database %I to public', current_database());
    end if;
exception
    -- who migrates need not own the database
    when insufficient_privilege then null;
end
$$;

set local role temple_owner;

-- What bots append with. Logins that were granted their roles before there were others print their grants at `db migrate`.
revoke select, insert, update on patreon_token from temple_append;
revoke delete on inbox from temple_append;
grant delete on inbox to temple_translate;

-- The pair is stored encrypted, where there is a key.
alter table patreon_token add column key_digest bytea;
comment on column patreon_token.key_digest is
    'the first bytes of a digest of the key that both tokens are encrypted with; null: they are in clear';

-- The operations journal: rows are added, and none is changed or deleted, by whomever. An erasure replaces ids in them,
-- and may have to delete one whose columns have no room for the pseudonym.
create function refuse_to_change_the_journal() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op <> 'TRUNCATE'
        and current_user = 'temple_owner'
        and exists (select from erasure where working_in = pg_current_xact_id_if_assigned())
    then
        return null;
    end if;
    raise exception 'ledger_operation is a journal: % is refused', lower(tg_op)
        using errcode = 'restrict_violation';
end
$$;
create trigger ledger_operation_is_a_journal
    before update or delete or truncate on ledger_operation
    for each statement execute function refuse_to_change_the_journal();
alter table ledger_operation enable always trigger ledger_operation_is_a_journal;

-- Not always: a copy by replication has the logins of its origin.
create function record_the_login() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.login is distinct from session_user::text then
        raise exception 'the login of the operations journal is that of the session'
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;
create trigger ledger_operation_records_the_login
    before insert on ledger_operation
    for each row execute function record_the_login();

alter function erase_from_table(uuid, text, text[]) rename to erase_from_any_table;
revoke execute on function erase_from_any_table(uuid, text, text[]) from public;
create function erase_from_table(erasure_id uuid, table_name text, about text[]) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    total bigint;
begin
    if table_name = 'webhook_audit_log' then
        raise exception 'events are changed by erase_from_log' using errcode = 'restrict_violation';
    end if;
    update erasure set working_in = pg_current_xact_id() where id = erasure_id and finished_at is null;
    total := erase_from_any_table(erasure_id, table_name, about);
    update erasure set working_in = null where id = erasure_id;
    return total;
end
$$;
comment on function erase_from_table is
    'replaces the ids of a person in a table; marks its transaction, whose updates of the journal pass';
revoke execute on function erase_from_table(uuid, text, text[]) from public;
