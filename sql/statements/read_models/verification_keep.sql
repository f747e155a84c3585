insert into verification (
    projection, version, kind, position, started_at, members, touched, drifts, drifted_members, parked, passed, in_log, listed
)
values (
    %(projection)s, %(version)s, %(kind)s, %(position)s, %(started_at)s, %(members)s, %(touched)s, %(drifts)s,
    %(drifted_members)s, %(parked)s, %(passed)s, %(in_log)s, %(listed)s::jsonb
)
returning id
