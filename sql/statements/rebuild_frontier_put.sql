-- user_ids null: of all members.
insert into projection_frontier (projection, user_id, occurred_at, position)
select projection, user_id, occurred_at, position
from projection_rebuild_frontier
where projection = %(projection)s
  and (%(user_ids)s::text[] is null or user_id = any(%(user_ids)s))
on conflict (projection, user_id) do update
set occurred_at = excluded.occurred_at,
    position = excluded.position
where (projection_frontier.occurred_at, projection_frontier.position)
    is distinct from (excluded.occurred_at, excluded.position)
