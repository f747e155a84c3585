insert into snapshot (id, source, started_at)
values (%(id)s, %(source)s, %(started_at)s)
