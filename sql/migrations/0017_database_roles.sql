-- The final list of database roles, and what sets a ledger back whose log was restored to an earlier point. Run as the
-- login, which creates the roles; what follows belongs to temple_owner. Cost on a large table: none.
do $$
declare
    name text;
begin
    foreach name in array array[
        'temple_translate', 'temple_tokens', 'temple_deliver', 'temple_web', 'temple_seal', 'temple_operate'
    ] loop
        begin
            if not exists (select from pg_roles where rolname = name) then
                execute format('create role %I nologin', name);
            end if;
        exception
            -- another database of this cluster was migrated at the same moment
            when duplicate_object or unique_violation then null;
        end;
    end loop;
    -- temple_append keeps what it has, so that a login which has not been granted the new roles goes on; what bots and
    -- adapters have granted to it serves their translators too
    if not pg_has_role('temple_translate', 'temple_append', 'member') then
        grant temple_append to temple_translate;
    end if;
exception
    when insufficient_privilege then
        raise insufficient_privilege
            using message = sqlerrm || '; as a superuser run: grant temple_append to temple_translate;';
end
$$;

grant usage on schema public
    to temple_translate, temple_tokens, temple_deliver, temple_web, temple_seal, temple_operate;

set local role temple_owner;

grant select on ledger_migration
    to temple_translate, temple_tokens, temple_deliver, temple_web, temple_seal, temple_operate;

grant select, insert, update on patreon_token to temple_tokens;
grant select on patreon_token_state to temple_tokens;

-- A log that was restored to an earlier point has lost positions that others know. They are not given again.
create function log_raise_sequence(outside bigint default 0) returns bigint
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
        (select max(position) from verification)
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
comment on function log_raise_sequence is
    'sets the sequence of the log above every position that is known here, and above the one given; null where it was';
revoke execute on function log_raise_sequence(bigint) from public;
grant execute on function log_raise_sequence(bigint) to temple_project;

-- A skip of an event that the log no longer has. temple_project may not delete any other.
create function skips_void(projection_name varchar) returns setof bigint
language sql security definer set search_path = public, pg_temp as $$
    delete from skipped_position as skipped
    where projection = projection_name
      and not exists (select from webhook_audit_log where id = skipped.position)
    returning position
$$;
comment on function skips_void is 'deletes the skips of events that the log lost when it was restored to an earlier point';
revoke execute on function skips_void(varchar) from public;
grant execute on function skips_void(varchar) to temple_project;
