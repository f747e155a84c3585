-- Lanes: 16 shares of the members, each of which a runner may lead by itself. Cost on a large table: none; a column with
-- a constant default in a table of a few rows, and a new table that is empty until somebody splits a projection.
alter table projection_checkpoint add column split boolean not null default false;
comment on column projection_checkpoint.split is
    'its members are stepped by lanes: projection_lane has where each of them stands, and position is the least of that';

create table projection_lane (
    projection varchar(63) collate "C" not null,
    version integer not null,
    lane smallint not null check (lane between 0 and 15),
    position bigint not null default 0,
    passed bigint not null default 0,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (projection, version, lane)
) with (fillfactor = 10);
comment on table projection_lane is 'where the lanes of a split projection stand; steps hold these rows, operations the checkpoint';
comment on column projection_lane.position is
    'the last position of the log that is folded for its members; at or below the checkpoint''s it stands there';
comment on column projection_lane.passed is
    'how many events were passed beyond those that the checkpoint counts; of a step of several lanes the first has them';

grant select, insert, update, delete on projection_lane to temple_project;
grant select on projection_lane to temple_append, temple_read;

-- The first 4 bits of SHA-256 of the id.
create function lane_of(user_id varchar) returns smallint
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
    select (get_byte(sha256(convert_to(user_id, 'UTF8')), 0) >> 4)::smallint
$$;

-- As before, and where a lane stands counts too.
create or replace function log_raise_sequence(outside bigint default 0) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    sequence constant regclass := pg_get_serial_sequence('webhook_audit_log', 'id')::regclass;
    known constant bigint := greatest(
        outside,
        (select max(position) from projection_checkpoint),
        (select max(position) from projection_lane),
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

-- As before, but for a projection that is split: its lanes keep no order among them that a consumer could read.
create or replace function feed_register(projection_name varchar, consumer_name varchar)
returns table (version integer, "position" bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
    is_split constant boolean := split
        from projection_checkpoint
        where projection = projection_name and active
        for update;
begin
    if is_split then
        raise exception 'projection % is split into lanes, and has no feed', projection_name
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    delete from feed_consumer as former
    where former.projection = projection_name
      and former.consumer = consumer_name
      and former.version <> (
          select version from projection_checkpoint where projection = projection_name and active limit 1
      );
    return query
    insert into feed_consumer as there (projection, version, lane, consumer, position)
    select projection, version, lane, consumer_name, position
    from projection_checkpoint
    where projection = projection_name and active
    on conflict (projection, version, lane, consumer) do update
    set position = excluded.position,
        operation = 0,
        user_id = '',
        state = 'beginning',
        moved_at = clock_timestamp()
    returning there.version, there.position;
    update projection_checkpoint set epoch = epoch + 1 where projection = projection_name and active;
end
$$;

-- Rollups that are there already: a step of lanes adds to rows of its own, as an append in trigger mode does.
do $$
declare
    function record;
begin
    for function in
        select oid, prosrc
        from pg_proc
        where pronamespace = 'public'::regnamespace
          and prosrc like '%rollup_mine constant smallint := case when pg_trigger_depth() > 1 then pg_backend_pid() % 64 else -1 end;%'
    loop
        execute replace(
            pg_get_functiondef(function.oid),
            'pg_backend_pid() % 64 else -1 end;',
            'pg_backend_pid() % 64 '
                'else coalesce(nullif(current_setting(''temple_ledger.lane'', true), ''''), ''-1'')::smallint end;'
        );
    end loop;
end
$$;

-- A runner of a release before takes one lease for all of a projection. Of one that is split it would fold every lane.
create function refuse_one_lease_of_many_lanes() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from projection_checkpoint
        where (projection, version) = (new.projection, new.version)
          and split
    ) then
        raise exception 'projection % is split into lanes, and this release leads no lanes: update it', new.projection
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return new;
end
$$;

create trigger a_lease_for_each_lane
    before insert on projection_lease
    for each row
    when (new.lane = -1)
    execute function refuse_one_lease_of_many_lanes();
alter table projection_lease enable always trigger a_lease_for_each_lane;
