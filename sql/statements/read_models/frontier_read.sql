-- Looked up one by one: of a long list, the plan for any list compares every row with every name in it.
select frontier.user_id, frontier.occurred_at, frontier.position
from unnest(%(user_ids)b::text[]::varchar[]) as member (user_id)
cross join lateral (
    select user_id, occurred_at, position
    from projection_frontier
    where projection = %(projection)s
      and version = %(version)s
      and user_id = member.user_id
    offset 0
) as frontier
