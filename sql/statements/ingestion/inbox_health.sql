-- Of each source. What is counted here has indexes that hold nothing else; beyond the limit, how many more is no news.
select
    source.source,
    source.received,
    source.repeats,
    source.first_received_at,
    source.last_received_at,
    extract(epoch from clock_timestamp() - source.last_received_at)::float8 as silent_seconds,
    waiting.number as waiting,
    extract(epoch from clock_timestamp() - oldest.received_at)::float8 as oldest_waiting_seconds,
    failed.number as failed,
    unparseable.number as unparseable,
    coalesce(translator.deliveries, 0) as translated,
    coalesce(translator.events, 0) as events,
    coalesce(translator.conflicts, 0) as conflicts,
    translator.stepped_at
from inbox_source as source
left join translator using (source)
cross join lateral (
    select count(*) as number
    from (select from inbox where inbox.source = source.source and state = 'waiting' limit %(limit)s) as counted
) as waiting
left join lateral (
    select received_at from inbox where inbox.source = source.source and state = 'waiting' order by id limit 1
) as oldest on true
cross join lateral (
    select count(*) as number
    from (select from inbox where inbox.source = source.source and state = 'failed' limit %(limit)s) as counted
) as failed
cross join lateral (
    select count(*) as number
    from (select from inbox where inbox.source = source.source and state = 'unparseable' limit %(limit)s) as counted
) as unparseable
order by source.source
