-- Many deliveries, each kept once: a row for each that was given, in their order; none at all while a source is new.
-- The sources' rows are held before any id is drawn: of one source, a smaller id was committed earlier.
with given as (
    select *
    from unnest(
        %(sources)b::text[], %(kinds)b::text[], %(origins)b::text[], %(received)b::timestamptz[],
        %(digests)b::bytea[], %(bodies)b::bytea[], %(details)b::text[]
    ) with ordinality as given (source, kind, origin, received_at, digest, body, details, place)
),
held as (
    select source
    from inbox_source
    where source in (select source from given)
    order by source
    for update
),
once as (
    select distinct on (source, digest)
        source, kind, origin, received_at, digest, body, details, place,
        count(*) over same - 1 as repeats,
        max(received_at) over same as last_received_at
    from given
    window same as (partition by source, digest)
    order by source, digest, place
),
kept as (
    insert into inbox as known
        (source, kind, origin, received_at, digest, body, details, repeats, last_received_at)
    select source, kind, origin, received_at, digest, body, details::jsonb, repeats, last_received_at
    from once
    where (select count(*) from held) = (select count(distinct source) from given)
    order by place
    on conflict (source, digest) do update
    set repeats = known.repeats + 1 + excluded.repeats,
        last_received_at = greatest(known.last_received_at, excluded.last_received_at)
    -- a row that was inserted a moment ago is locked by nobody
    returning id, source, digest, xmax = 0 as added
),
told as (
    select given.place, kept.id, given.source, given.received_at, kept.added and given.place = once.place as added
    from given
    join once using (source, digest)
    join kept using (source, digest)
),
counted as (
    update inbox_source as known
    set received = known.received + told.received,
        repeats = known.repeats + told.repeats,
        first_received_at = coalesce(known.first_received_at, told.first_received_at),
        last_received_at = greatest(known.last_received_at, told.last_received_at)
    from (
        select
            source,
            count(*) as received,
            count(*) filter (where not added) as repeats,
            min(received_at) as first_received_at,
            max(received_at) as last_received_at
        from told
        group by source
    ) as told
    where known.source = told.source
)
select id, not added
from told
order by place
