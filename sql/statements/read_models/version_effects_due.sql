-- What parked members wait for is raised by the version that gets the names, once it folds them: nobody has raised it yet.
update projection_failure as failure
set raises_after = (
    select jsonb_object_agg(
        effect.name,
        coalesce(
            (former.raises_after ->> effect.name)::bigint, greatest(effect.start_position, former.position - 1)
        )
    )
    from projection_failure as former
    join effect using (projection, version)
    where former.projection = failure.projection
      and former.version = %(old)s
      and former.user_id = failure.user_id
)
where failure.projection = %(projection)s
  and failure.version = %(version)s
