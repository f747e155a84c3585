select candidate.number, candidate.user_id, candidate.member_id, read.asked_at, read.said
from patreon_candidate as candidate
left join patreon_read as read using (member_id)
where candidate.number > %(after)s
order by candidate.number
limit %(limit)s
