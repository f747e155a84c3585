-- A name under which other transactions see what this one sees, for as long as it is open.
select pg_export_snapshot()
