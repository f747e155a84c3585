-- How many held a role at some time, but for some members; counted so far as it is asked for.
select count(*)
from (
    select
    from role_periods
    where role = %(role)s
      and held_from <= %(as_of)s::timestamptz
      and (held_until is null or held_until > %(as_of)s::timestamptz)
      and user_id <> all(%(others)s::varchar[])
    limit %(most)s
) as counted
