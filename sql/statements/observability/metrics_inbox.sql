-- Depth is counted up to a limit: beyond, how many more is no news.
select
    source.source,
    source.received - source.repeats as received,
    source.repeats,
    extract(epoch from source.last_received_at)::double precision as last_received_at,
    (
        select count(*)
        from (select from inbox where inbox.source = source.source and state = 'waiting' limit %(limit)s) as waiting
    ) as waiting,
    (
        select extract(epoch from received_at)::double precision
        from inbox
        where inbox.source = source.source and state = 'waiting'
        order by id
        limit 1
    ) as oldest,
    (
        select count(*)
        from (
            select
            from inbox
            where inbox.source = source.source and state in ('failed', 'unparseable')
            limit %(limit)s
        ) as trouble
    ) as trouble,
    translator.deliveries,
    translator.events,
    translator.conflicts,
    translator.failures
from inbox_source as source
left join translator using (source)
order by source.last_received_at desc nulls last
limit %(sources)s
