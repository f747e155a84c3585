-- What was found since a verify that was looked at before; each row of the table is read once by each process.
select
    id,
    case
        when exists (
            select from projection_checkpoint as checkpoint
            where (checkpoint.projection, checkpoint.version) = (verification.projection, verification.version)
              and not checkpoint.active
        ) then projection || '@' || version
        else projection
    end as projection,
    extract(epoch from finished_at)::double precision as finished_at,
    extract(epoch from finished_at - started_at)::double precision as seconds,
    position,
    drifts + (in_log is distinct from passed and in_log is not null)::integer as issues,
    members
from verification
where id > %(after)s
order by id
limit %(limit)s
