-- Of these positions, those that are retracted, by why and by the import that added them: null where none did.
select owner.import, retraction.reason, count(*) as events
from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as chosen (first_position, last_position)
cross join lateral generate_series(chosen.first_position, chosen.last_position) as position
join lateral (
    select part.retraction, part.last_position
    from retracted_range as part
    where part.first_position <= position
    order by part.first_position desc
    limit 1
) as part on part.last_position >= position
join log_retraction as retraction on retraction.id = part.retraction
left join lateral (
    select added.import, added.last_position
    from log_import_range as added
    where added.first_position <= position
    order by added.first_position desc
    limit 1
) as owner on owner.last_position >= position
group by owner.import, retraction.id, retraction.reason
order by count(*) desc, owner.import, retraction.id
