insert into projection_rollup (projection, version, name, definition)
values (%(projection)s, %(version)s, %(name)s, %(definition)s)
on conflict (projection, version, name) do update
set definition = excluded.definition,
    maintained_since = clock_timestamp()
