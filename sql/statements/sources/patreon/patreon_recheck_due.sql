select member_id
from patreon_member
where look_again_at <= %(now)s
order by look_again_at
limit %(limit)s
