-- Who held a role at the later of two times and not at the earlier, and the other way round; of everybody but some members.
-- A period that is held at the one and not at the other begins or ends between them. These are at most so many of each:
-- first such as were granted anew since (their row is not what it was then), then those that were granted last. `in_both`:
-- the member held it at the other time too, in another period. It is asked of these alone ("offset 0" stays a question for
-- each row), because there may be very many.
select
    candidate.gained,
    candidate.is_settled,
    exists (
        select
        from role_periods as other
        where other.user_id = candidate.user_id
          and other.role = %(role)s
          and other.held_from
            <= case when candidate.gained then %(earlier)s::timestamptz else %(later)s::timestamptz end
          and (
              other.held_until is null
              or other.held_until > case when candidate.gained then %(earlier)s::timestamptz else %(later)s::timestamptz end
          )
        offset 0
    ) as in_both,
    candidate.user_id,
    candidate.began_position,
    candidate.role,
    candidate.held_from,
    candidate.held_until,
    candidate.granted_at,
    candidate.granted_by,
    candidate.grants,
    candidate.ended_position,
    candidate.ended_by,
    candidate.ending
from (
    (
        select true as gained, grants = 1 or granted_at <= %(later)s::timestamptz as is_settled, period.*
        from role_periods as period
        where role = %(role)s
          and held_from > %(earlier)s::timestamptz
          and held_from <= %(later)s::timestamptz
          and (held_until is null or held_until > %(later)s::timestamptz)
          and user_id <> all(%(others)s::varchar[])
        order by is_settled, granted_at desc, user_id desc
        limit %(most)s
    )
    union all
    (
        select false, grants = 1 or granted_at <= %(earlier)s::timestamptz as is_settled, period.*
        from role_periods as period
        where role = %(role)s
          and held_from <= %(earlier)s::timestamptz
          and held_until > %(earlier)s::timestamptz
          and held_until <= %(later)s::timestamptz
          and user_id <> all(%(others)s::varchar[])
        order by is_settled, granted_at desc, user_id desc
        limit %(most)s
    )
) as candidate
