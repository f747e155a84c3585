-- Members who were folded, with their effects, up to where they are parked now.
update projection_failure as failure
set raises_after = (
    select jsonb_object_agg(due.effect, greatest(due.after::bigint, failure.position - 1))
    from jsonb_each_text(failure.raises_after) as due (effect, after)
)
where projection = %(projection)s
  and version = %(version)s
  and user_id = any(%(user_ids)s)
  and raises_after is not null
