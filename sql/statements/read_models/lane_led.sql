-- Asked once the lanes are held, the first of which rollups add up under: a lease is taken by whoever holds its lane.
select array(
    select lane
    from projection_lease
    where projection = %(projection)s
      and version = %(version)s
      and holder = %(holder)s
)
where set_config('temple_ledger.lane', %(first)s::text, true) is not null
