insert into projection_checkpoint (projection, version, active, position)
values (%(tracking)s, 0, true, %(position)s)
on conflict (projection, version, lane) do update
    set position = excluded.position,
        updated_at = clock_timestamp()
    where projection_checkpoint.position < excluded.position
returning position
