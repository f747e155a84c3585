-- The periods of a role that had begun by some time, or in which it was held then: of everybody but some members, or of
-- certain ones alone. By id; above one, and no more than so many, where these are given.
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
  and held_from <= coalesce(%(as_of)s::timestamptz, 'infinity')
  and (not %(held)s or held_until is null or held_until > coalesce(%(as_of)s::timestamptz, 'infinity'))
  and user_id <> all(%(others)s::varchar[])
  and (%(user_ids)s::varchar[] is null or user_id = any(%(user_ids)s::varchar[]))
  and (%(after)s::varchar is null or user_id > %(after)s::varchar)
order by user_id
limit %(limit)s
