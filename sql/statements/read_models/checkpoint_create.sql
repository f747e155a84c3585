-- Of a projection that has none yet. Where others have folded something already, it begins unfilled, in version 0: a replay
-- fills it, not the runner's steps, which would hold up the others meanwhile.
insert into projection_checkpoint (projection, version, active)
select
    %(projection)s::varchar,
    case
        when exists (
            select from projection_checkpoint
            where (position > 0 or state = 'trigger') and position(':' in projection) = 0
        ) then 0
        else %(version)s::integer
    end,
    true
where not exists (select from projection_checkpoint where projection = %(projection)s)
returning version
