-- Beside another version it waits for a replay. So does a projection that is new where others have folded something
-- already: a replay fills it, not the runner's steps, which would hold up the others meanwhile. And one whose tables
-- have rows that nobody here has folded, as of a database that was adopted: they stand until a replay.
insert into projection_checkpoint (projection, version, active, state)
select
    %(projection)s,
    %(version)s,
    %(active)s,
    case
        when %(beside)s or %(has_rows)s or exists (
            select from projection_checkpoint
            where (position > 0 or state = 'trigger') and position(':' in projection) = 0
        ) then 'needs replay'
        else 'running'
    end
on conflict (projection, version, lane) do nothing
returning state
