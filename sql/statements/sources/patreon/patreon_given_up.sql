-- Doubts that nobody answered in time.
select member_id, doubted_delivery
from patreon_member
where doubt in ('order', 'tier')
  and look_again_at <= %(before)s
order by look_again_at
limit %(limit)s
