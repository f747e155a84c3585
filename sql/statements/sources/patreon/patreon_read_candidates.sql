-- Looked up by key, whatever the planner believes of the tables.
select candidate.number, candidate.user_id, candidate.member_id, read.asked_at, read.described
from (
    select number, user_id, member_id
    from patreon_candidate
    where number > %(after)s
    order by number
    limit %(limit)s
) as candidate
left join lateral (
    select asked_at, described
    from patreon_read
    where member_id = candidate.member_id
    offset 0
) as read on true
order by candidate.number
