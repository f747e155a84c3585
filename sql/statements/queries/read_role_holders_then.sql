-- A page of those who held a role at some time, by id: of everybody but some members.
select
    user_id,
    began_position,
    role,
    held_from,
    held_until,
    granted_at,
    granted_by,
    grants,
    ended_position,
    ended_by,
    ending
from role_periods
where role = %(role)s
  and held_from <= %(as_of)s::timestamptz
  and (held_until is null or held_until > %(as_of)s::timestamptz)
  and user_id <> all(%(others)s::varchar[])
  and user_id > %(after)s
order by user_id
limit %(limit)s
