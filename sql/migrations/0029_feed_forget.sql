-- A consumer is removed as it is entered: while nobody steps the projection, whose runner then asks again whether anybody
-- reads. Cost on a large table: none.
create function feed_forget(projection_name varchar, consumer_name varchar) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform from projection_checkpoint where projection = projection_name order by version for update;
    delete from feed_consumer where projection = projection_name and consumer = consumer_name;
    if not found then
        return false;
    end if;
    delete from feed_change as change
    where change.projection = projection_name
      and not exists (
          select from feed_consumer as consumer
          where consumer.projection = change.projection and consumer.version = change.version
      );
    update projection_checkpoint set epoch = epoch + 1 where projection = projection_name;
    return true;
end
$$;
revoke execute on function feed_forget(varchar, varchar) from public;
grant execute on function feed_forget(varchar, varchar) to temple_deliver;
