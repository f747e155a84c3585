-- The feed: changes and resets of a projection for consumers with a position. Cost on a large table: none, they are empty
-- here, and stay so while nobody reads a feed.
create table feed_consumer (
    projection varchar(63) collate "C" not null,
    version integer not null,
    lane smallint not null default -1 check (lane between -1 and 15),
    consumer varchar(63) collate "C" not null,
    position bigint not null,
    operation bigint not null default 0,
    user_id varchar(100) collate "C" not null default '',
    state varchar(10) collate "C" not null default 'beginning' check (state in ('beginning', 'reading', 'behind')),
    registered_at timestamptz not null default clock_timestamp(),
    moved_at timestamptz not null default clock_timestamp(),
    primary key (projection, version, lane, consumer)
) with (fillfactor = 50);
comment on column feed_consumer.position is 'what it has: all up to there, in the order of position, operation and member';
comment on column feed_consumer.state is
    'beginning: it has to read the rows of a snapshot first; behind: what it had not read is deleted, it begins anew';

create table feed_change (
    projection varchar(63) collate "C" not null,
    version integer not null,
    lane smallint not null default -1 check (lane between -1 and 15),
    position bigint not null,
    operation bigint not null,
    user_id varchar(100) collate "C" not null,
    before jsonb,
    after jsonb not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (projection, version, lane, position, operation, user_id)
);
comment on table feed_change is
    'what consumers of the feed read: operation 0 is the change that the event at the position made; others are resets';
create index on feed_change (recorded_at);

create sequence feed_operation;
comment on sequence feed_operation is 'numbers of operations that set rows of members anew';

grant select, insert, delete on feed_change to temple_project;
grant select, update on feed_consumer to temple_project;
grant usage on sequence feed_operation to temple_project;
grant select on feed_change to temple_deliver;
grant select, update, delete on feed_consumer to temple_deliver;
grant select on feed_change, feed_consumer to temple_append, temple_read;

-- A consumer is entered while nobody steps the projection, and makes what its runner remembers void: from the next step
-- on changes are stored.
create function feed_register(projection_name varchar, consumer_name varchar)
returns table (version integer, "position" bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
begin
    perform from projection_checkpoint where projection = projection_name and active for update;
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
revoke execute on function feed_register(varchar, varchar) from public;
grant execute on function feed_register(varchar, varchar) to temple_deliver;
