-- Who held a role at the later of two times and not at the earlier, and the other way round; of everybody but some members.
-- A period that is held at the one and not at the other begins or ends between them. Whoever held the role at the other
-- time too, in another period, has not changed: that is asked of one candidate after another until there are so many who
-- have, because there may be very many of them ("offset 0" leaves the order and the question as they are).
-- In three parts, each at most so many: gained and granted once, which are nearly all, and whose order by when they were
-- granted is that of the index; gained and granted again; lost. First such as were granted anew since, for their row is
-- not what it was then, then those that were granted last.
with began as not materialized (
    select *
    from role_periods
    where role = %(role)s
      and held_from > %(earlier)s::timestamptz
      and held_from <= %(later)s::timestamptz
      and (held_until is null or held_until > %(later)s::timestamptz)
      and user_id <> all(%(others)s::varchar[])
)

select
    gained,
    is_settled,
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
from (
    (
        select
            true as gained,
            true as is_settled,
            once.*
        from (
            select *
            from began
            where grants = 1
            order by held_from desc, user_id desc
            offset 0
        ) as once
        where not exists (
            select
            from role_periods as other
            where other.user_id = once.user_id
              and other.role = %(role)s
              and other.held_from <= %(earlier)s::timestamptz
              and (other.held_until is null or other.held_until > %(earlier)s::timestamptz)
            offset 0
        )
        limit %(most)s
    )
    union all
    (
        select
            true,
            again.granted_at <= %(later)s::timestamptz,
            again.*
        from (
            select *
            from began
            where grants > 1
            order by granted_at <= %(later)s::timestamptz, granted_at desc, user_id desc
            offset 0
        ) as again
        where not exists (
            select
            from role_periods as other
            where other.user_id = again.user_id
              and other.role = %(role)s
              and other.held_from <= %(earlier)s::timestamptz
              and (other.held_until is null or other.held_until > %(earlier)s::timestamptz)
            offset 0
        )
        limit %(most)s
    )
    union all
    (
        select
            false,
            lost.grants = 1 or lost.granted_at <= %(earlier)s::timestamptz,
            lost.*
        from (
            select *
            from role_periods
            where role = %(role)s
              and held_from <= %(earlier)s::timestamptz
              and held_until > %(earlier)s::timestamptz
              and held_until <= %(later)s::timestamptz
              and user_id <> all(%(others)s::varchar[])
            order by grants = 1 or granted_at <= %(earlier)s::timestamptz, granted_at desc, user_id desc
            offset 0
        ) as lost
        where not exists (
            select
            from role_periods as other
            where other.user_id = lost.user_id
              and other.role = %(role)s
              and other.held_from <= %(later)s::timestamptz
              and (other.held_until is null or other.held_until > %(later)s::timestamptz)
            offset 0
        )
        limit %(most)s
    )
) as changed
