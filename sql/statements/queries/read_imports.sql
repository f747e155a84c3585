-- The newest first; an import that added nothing is none.
select
    import.id,
    import.file,
    import.imported_by,
    import.began_at,
    import.finished_at,
    sum(part.last_position - part.first_position + 1)::bigint as events,
    min(part.first_position) as first_position,
    max(part.last_position) as last_position,
    coalesce(sum(left_out.events), 0)::bigint as retracted
from log_import as import
join log_import_range as part on part.import = import.id
left join lateral (
    select sum(
        least(range.last_position, part.last_position) - greatest(range.first_position, part.first_position) + 1
    ) as events
    from retracted_range as range
    where range.first_position <= part.last_position
      and range.last_position >= part.first_position
) as left_out on true
group by import.id
order by import.id desc
limit %(limit)s
