-- Of an erasure that is finished, all that is left of it.
insert into erasure (id, begun_at, finished_at, steps)
select id, begun_at, finished_at, steps from jsonb_populate_recordset(null::erasure, %(rows)s::jsonb)
