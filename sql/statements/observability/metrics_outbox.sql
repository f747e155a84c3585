-- Of each sink: messages that wait, and those that somebody has to look at.
select
    coalesce(sink, '') as sink,
    count(*) filter (where state = 'waiting') as waiting,
    extract(epoch from min(created_at) filter (where state = 'waiting'))::double precision as oldest,
    count(*) filter (where state in ('failed', 'parked')) as trouble
from (
    select * from effect_outbox where state = 'waiting'
    union all
    select * from effect_outbox where state in ('failed', 'parked')
) as open
group by 1
