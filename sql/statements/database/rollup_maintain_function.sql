-- Keeps a rollup: what a statement changed in the rows of the source is added up, once for each key. A row of storage
-- belongs to whoever writes. Appends that fold their own events (trigger mode) are many at a time, and each adds to a
-- row of its own; so does each step of lanes, under its first lane. Everybody else holds the projection's checkpoint.
create function {function}() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $maintain$
#variable_conflict use_column
declare
    rollup_mine constant smallint := case
        when pg_trigger_depth() > 1 then pg_backend_pid() % 64
        else coalesce(nullif(current_setting('temple_ledger.lane', true), ''), '-1')::smallint
    end;
    rollup_gone bigint;
begin
    if tg_op = 'INSERT' then
        {inserted}
    elsif tg_op = 'UPDATE' then
        {updated}
    elsif tg_op = 'DELETE' then
        {deleted}
    else
        {truncated}
    end if;
    return null;
end
$maintain$
