-- Replays of which some lanes of members are in place, and at which nobody is at work any more; and the entry with
-- which the last one of each began, where there is one: who wanted it, and how many members were to change.
select
    checkpoint.projection,
    checkpoint.version,
    checkpoint.lanes_in_place,
    coalesce(rebuild.cut, 'members') as cut,
    begun.performed_by,
    begun.reason,
    begun.changing
from projection_checkpoint as checkpoint
-- gone after a crash of the server, which empties unlogged tables
left join projection_rebuild as rebuild using (projection, version)
left join lateral (
    select performed_by, reason, (details ->> 'changing')::bigint as changing
    from ledger_operation
    where kind = 'replay begins'
      and projection = checkpoint.projection
      and (details ->> 'version')::integer = checkpoint.version
    order by id desc
    limit 1
) as begun on true
where checkpoint.lanes_in_place is not null
  and checkpoint.state = 'running'
  and not exists (
      select from pg_stat_activity
      where datname = current_database()
        and application_name = 'temple replay'
        and pid <> pg_backend_pid()
  )
order by checkpoint.projection, checkpoint.version
