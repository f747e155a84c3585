select
    id, projection, version, kind, position, started_at, finished_at, members, touched, drifts, drifted_members, parked,
    passed, in_log
from verification
where (%(projection)s::text is null or projection = %(projection)s)
  and (%(before)s::bigint is null or id < %(before)s)
  and (%(version)s::integer is null or version = %(version)s)
order by id desc
limit %(limit)s
