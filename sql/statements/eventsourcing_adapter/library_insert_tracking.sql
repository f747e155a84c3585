insert into projection_checkpoint (projection, version, position)
values (%(tracking)s, 0, %(position)s)
on conflict (projection) do update
    set position = excluded.position,
        updated_at = clock_timestamp()
    where projection_checkpoint.position < excluded.position
returning position
