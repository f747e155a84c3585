select
    rebuild.projection,
    rebuild.version,
    rebuild.position,
    rebuild.started_at,
    exists (
        -- after a restart of the server its number may be somebody else's
        select
        from pg_stat_activity
        where pid = rebuild.backend_pid
          and application_name = 'temple replay'
    ) as alive,
    coalesce(sum(part.members), 0)::bigint as members,
    coalesce(sum(part.events), 0)::bigint as events,
    count(part.number) as ranges,
    count(part.number) filter (where part.done) as ranges_done
from projection_rebuild as rebuild
left join projection_rebuild_range as part using (projection, version, lane)
group by rebuild.projection, rebuild.version, rebuild.position, rebuild.started_at, rebuild.backend_pid
order by rebuild.projection, rebuild.version
